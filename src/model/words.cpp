#include "model/words.hpp"

#include <span>
#include <utility>

namespace herald {
namespace {

template <class E>
using Names = std::span<const std::pair<E, std::string_view>>;

template <class E>
std::string_view name_of(Names<E> names, E value) {
    for (const auto& [candidate, name] : names) {
        if (candidate == value) return name;
    }
    return "";
}

template <class E>
std::optional<E> value_of(Names<E> names, std::string_view text) {
    for (const auto& [candidate, name] : names) {
        if (name == text) return candidate;
    }
    return std::nullopt;
}

constexpr std::pair<Lane, std::string_view> kLaneNames[] = {
    {Lane::critical, "critical"}, {Lane::normal, "normal"}, {Lane::bulk, "bulk"}};
constexpr std::pair<Channel, std::string_view> kChannelNames[] = {
    {Channel::push, "push"}, {Channel::sms, "sms"}, {Channel::email, "email"}};
constexpr std::pair<Platform, std::string_view> kPlatformNames[] = {
    {Platform::ios, "ios"}, {Platform::android, "android"}, {Platform::web, "web"}};
constexpr std::pair<Route, std::string_view> kRouteNames[] = {{Route::push_apns, "push.apns"},
                                                              {Route::push_fcm, "push.fcm"},
                                                              {Route::sms, "sms"},
                                                              {Route::email, "email"}};
constexpr std::pair<Guarantee, std::string_view> kGuaranteeNames[] = {
    {Guarantee::at_least_once, "at_least_once"}, {Guarantee::at_most_once, "at_most_once"}};

}  // namespace

std::string_view to_string(Lane lane) { return name_of<Lane>(kLaneNames, lane); }
std::optional<Lane> parse_lane(std::string_view text) { return value_of<Lane>(kLaneNames, text); }
std::string_view to_string(Channel channel) { return name_of<Channel>(kChannelNames, channel); }
std::optional<Channel> parse_channel(std::string_view text) { return value_of<Channel>(kChannelNames, text); }
std::string_view to_string(Platform platform) { return name_of<Platform>(kPlatformNames, platform); }
std::optional<Platform> parse_platform(std::string_view text) {
    return value_of<Platform>(kPlatformNames, text);
}
std::string_view to_string(Route route) { return name_of<Route>(kRouteNames, route); }
std::optional<Route> parse_route(std::string_view text) { return value_of<Route>(kRouteNames, text); }
std::string_view to_string(Guarantee guarantee) { return name_of<Guarantee>(kGuaranteeNames, guarantee); }
std::optional<Guarantee> parse_guarantee(std::string_view text) {
    return value_of<Guarantee>(kGuaranteeNames, text);
}

Channel channel_of(Route route) {
    switch (route) {
        case Route::push_apns:
        case Route::push_fcm:
            return Channel::push;
        case Route::sms:
            return Channel::sms;
        case Route::email:
            return Channel::email;
    }
    return Channel::push;
}

Route route_of(Platform platform) { return platform == Platform::ios ? Route::push_apns : Route::push_fcm; }

}  // namespace herald
