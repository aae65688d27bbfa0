#include "base/metrics.hpp"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace herald {
namespace {

using testing::HasSubstr;

TEST(MetricsTest, WritesTheTextFormatOfPrometheus) {
    Metrics metrics;
    metrics.counter("sends_total", "Sends.", {{"route", "sms"}}).Increment(3);
    metrics.gauge("in_flight", "Calls.").Set(7);
    const auto text = metrics.text();
    EXPECT_THAT(
        text,
        HasSubstr("# HELP sends_total Sends.\n# TYPE sends_total counter\nsends_total{route=\"sms\"} 3\n"));
    EXPECT_THAT(text, HasSubstr("# TYPE in_flight gauge\nin_flight 7\n"));
}

TEST(MetricsTest, ReturnsTheSameMetricForTheSameNameAndLabels) {
    Metrics metrics;
    auto& first = metrics.counter("a_total", "A.", {{"x", "1"}});
    EXPECT_EQ(&first, &metrics.counter("a_total", "A.", {{"x", "1"}}));
    EXPECT_NE(&first, &metrics.counter("a_total", "A.", {{"x", "2"}}));
}

TEST(MetricsTest, WritesAFamilyOnce) {
    Metrics metrics;
    metrics.counter("a_total", "A.", {{"x", "1"}}).Increment();
    metrics.counter("a_total", "A.", {{"x", "2"}}).Increment();
    const auto text = metrics.text();
    EXPECT_EQ(text.find("# TYPE a_total"), text.rfind("# TYPE a_total"));
}

TEST(MetricsTest, CountsIntoTheBucketsOfAHistogram) {
    Metrics metrics;
    auto& histogram = metrics.histogram("call_seconds", "Calls.", {0.1, 1});
    for (const double seconds : {0.05, 0.5, 5.0}) histogram.Observe(seconds);
    const auto text = metrics.text();
    EXPECT_THAT(text, HasSubstr("call_seconds_count 3\n"));
    EXPECT_THAT(text, HasSubstr("call_seconds_bucket{le=\"0.1\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("call_seconds_bucket{le=\"1\"} 2\n"));
    EXPECT_THAT(text, HasSubstr("call_seconds_bucket{le=\"+Inf\"} 3\n"));
}

TEST(MetricsTest, RefreshesBeforeEachScrape) {
    Metrics metrics;
    auto& gauge = metrics.gauge("scrapes", "Scrapes.");
    metrics.before_scrape([&gauge] { gauge.Increment(); });
    EXPECT_THAT(metrics.text(), HasSubstr("scrapes 1\n"));
    EXPECT_THAT(metrics.text(), HasSubstr("scrapes 2\n"));
}

TEST(MetricsTest, LetsARefreshLookMetricsUp) {
    Metrics metrics;
    metrics.before_scrape([&metrics] { metrics.gauge("late", "Late.").Set(1); });
    EXPECT_THAT(metrics.text(), HasSubstr("late 1\n"));
}

TEST(MetricsTest, EscapesLabels) {
    Metrics metrics;
    metrics.gauge("odd", "Odd.", {{"x", "a\"b\\c\nd"}}).Set(1);
    EXPECT_THAT(metrics.text(), HasSubstr("odd{x=\"a\\\"b\\\\c\\nd\"} 1\n"));
}

TEST(MetricsTest, RaisesItsLatencyBoundsFromAMillisecondToFiveMinutes) {
    const auto& bounds = latency_bounds();
    EXPECT_TRUE(std::is_sorted(bounds.begin(), bounds.end(), std::less_equal<>()));
    EXPECT_EQ(bounds.front(), 0.001);
    EXPECT_EQ(bounds.back(), 300);
}

}  // namespace
}  // namespace herald
