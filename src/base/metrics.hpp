#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/labels.h>
#include <prometheus/registry.h>

namespace herald {

using Labels = prometheus::Labels;
using Counter = prometheus::Counter;
using Gauge = prometheus::Gauge;
using Histogram = prometheus::Histogram;

/// The metrics of one process. Thread-safe. The references live as long as this object: look one up once and
/// keep it, a look-up takes a lock.
class Metrics {
public:
    Metrics();

    Counter& counter(const std::string& name, const std::string& help, const Labels& labels = {});
    Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels = {});
    /// `bounds` are upper bounds in the unit that the name ends in.
    Histogram& histogram(const std::string& name, const std::string& help, const std::vector<double>& bounds,
                         const Labels& labels = {});

    /// Calls `refresh` before each scrape, for gauges that are read rather than kept. It must not block.
    void before_scrape(std::function<void()> refresh);

    /// Prometheus text format 0.0.4.
    std::string text();

private:
    prometheus::Registry registry_;
    std::mutex mutex_;
    std::vector<std::function<void()>> refresh_;
};

/// From 1 ms to 5 minutes, in seconds.
const std::vector<double>& latency_bounds();

}  // namespace herald
