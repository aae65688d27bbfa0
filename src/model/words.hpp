#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace herald {

// The closed sets of the vocabulary. Their texts are the same in JSON, SQL, logs and metrics.

enum class Lane { critical, normal, bulk };
inline constexpr std::array kLanes{Lane::critical, Lane::normal, Lane::bulk};
std::string_view to_string(Lane lane);
std::optional<Lane> parse_lane(std::string_view text);

enum class Channel { push, sms, email };
inline constexpr std::array kChannels{Channel::push, Channel::sms, Channel::email};
std::string_view to_string(Channel channel);
std::optional<Channel> parse_channel(std::string_view text);

enum class Platform { ios, android, web };
std::string_view to_string(Platform platform);
std::optional<Platform> parse_platform(std::string_view text);

/// One ordered list of providers for one kind of address.
enum class Route { push_apns, push_fcm, sms, email };
inline constexpr std::array kRoutes{Route::push_apns, Route::push_fcm, Route::sms, Route::email};
/// "push.apns", "push.fcm", "sms", "email"
std::string_view to_string(Route route);
std::optional<Route> parse_route(std::string_view text);
Channel channel_of(Route route);
/// The route of a device; web push goes through FCM.
Route route_of(Platform platform);

enum class Guarantee { at_least_once, at_most_once };
std::string_view to_string(Guarantee guarantee);
std::optional<Guarantee> parse_guarantee(std::string_view text);

}  // namespace herald
