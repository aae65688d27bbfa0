#include "base/metrics.hpp"

#include <prometheus/text_serializer.h>

namespace herald {

// Merge: asking twice for one name returns the same family.
Metrics::Metrics() : registry_(prometheus::Registry::InsertBehavior::Merge) {}

Counter& Metrics::counter(const std::string& name, const std::string& help, const Labels& labels) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry_).Add(labels);
}

Gauge& Metrics::gauge(const std::string& name, const std::string& help, const Labels& labels) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry_).Add(labels);
}

Histogram& Metrics::histogram(const std::string& name, const std::string& help,
                              const std::vector<double>& bounds, const Labels& labels) {
    return prometheus::BuildHistogram().Name(name).Help(help).Register(registry_).Add(labels, bounds);
}

void Metrics::before_scrape(std::function<void()> refresh) {
    std::lock_guard lock(mutex_);
    refresh_.push_back(std::move(refresh));
}

std::string Metrics::text() {
    std::vector<std::function<void()>> refresh;
    {
        std::lock_guard lock(mutex_);
        refresh = refresh_;
    }
    for (const auto& call : refresh) call();
    return prometheus::TextSerializer{}.Serialize(registry_.Collect());
}

const std::vector<double>& latency_bounds() {
    static const std::vector<double> bounds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                            0.5,   1,      2.5,   5,    10,    30,   60,  300};
    return bounds;
}

}  // namespace herald
