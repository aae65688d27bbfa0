#include "simulator/ledger.hpp"

#include <array>
#include <chrono>

#include "base/crypto.hpp"
#include "base/utf8.hpp"

namespace herald::simulator {
namespace {

bool starts_with_ignoring_case(std::string_view text, std::string_view lower) {
    if (text.size() < lower.size()) return false;
    for (std::size_t i = 0; i < lower.size(); ++i) {
        const char c = text[i];
        if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c) != lower[i]) return false;
    }
    return true;
}

std::string kept_headers(const net::Headers& headers) {
    static constexpr std::array<std::string_view, 6> kKept = {"apns-",      "x-herald-",   "content-type",
                                                              "user-agent", "traceparent", "x-twilio-"};
    std::string kept;
    for (const auto& header : headers) {
        for (const auto prefix : kKept) {
            if (!starts_with_ignoring_case(header.name, prefix)) continue;
            kept.append(header.name).append(": ").append(header.value).push_back('\n');
            break;
        }
    }
    return kept;
}

void write_headers(JsonWriter& out, std::string_view lines) {
    out.key("headers").begin_object();
    while (!lines.empty()) {
        const auto end = lines.find('\n');
        const auto line = lines.substr(0, end);
        const auto colon = line.find(": ");
        const auto value = line.substr(colon + 2);
        out.member(line.substr(0, colon), is_valid_utf8(value) ? value : std::string_view("(not UTF-8)"));
        lines.remove_prefix(end + 1);
    }
    out.end_object();
}

void write_time(JsonWriter& out, std::string_view name, double at_ms) {
    if (at_ms > 0) out.member(name, at_ms);
    else out.member(name, nullptr);
}

bool matches(const LedgerRow& row, const Ledger::Filter& filter) {
    return (!filter.delivery || row.subject.delivery == *filter.delivery) &&
           (!filter.recipient || row.subject.recipient == *filter.recipient) &&
           (!filter.verdict || row.verdict == *filter.verdict);
}

}  // namespace

double wall_ms() {
    using namespace std::chrono;
    const auto now = system_clock::now().time_since_epoch();
    return static_cast<double>(duration_cast<microseconds>(now).count()) / 1000.0;
}

std::size_t LedgerRow::bytes() const {
    return sizeof(LedgerRow) + subject.delivery.size() + subject.recipient.size() + headers.size() +
           body.size();
}

void write_json(JsonWriter& out, const LedgerRow& row) {
    const auto or_null = [&](std::string_view name, const std::string& text) {
        if (text.empty()) out.member(name, nullptr);
        else out.member(name, text);
    };
    out.begin_object().member("n", row.n);
    or_null("delivery", row.subject.delivery);
    if (row.subject.attempt > 0) out.member("attempt", row.subject.attempt);
    else out.member("attempt", nullptr);
    or_null("recipient", row.subject.recipient);
    out.member("body_complete", row.body_complete).member("verdict", row.verdict);
    or_null("reason", row.reason);
    or_null("fault", row.fault);
    out.member("answer_written", row.answer_written).key("at_ms").begin_object();
    write_time(out, "head", row.head_at_ms);
    write_time(out, "body", row.body_at_ms);
    write_time(out, "answered", row.answered_at_ms);
    out.end_object();
    write_headers(out, row.headers);
    if (is_valid_utf8(row.body)) out.member("body", row.body);
    else out.member("body_base64", base64(row.body));
    out.end_object();
}

std::uint64_t Ledger::head_arrived(Subject subject, const net::Headers& headers) {
    LedgerRow row;
    row.subject = std::move(subject);
    row.headers = kept_headers(headers);
    const std::lock_guard lock(mutex_);
    row.n = next_++;
    row.head_at_ms = wall_ms();
    bytes_ += row.bytes();
    rows_.push_back(std::move(row));
    make_room();
    return next_ - 1;
}

void Ledger::body_arrived(std::uint64_t n, Subject subject, std::string_view body, Settled settled) {
    std::string kept(body.substr(0, limits_.body_bytes));
    const std::lock_guard lock(mutex_);
    LedgerRow* found = row(n);
    if (found == nullptr) return;
    bytes_ -= found->bytes();
    found->subject = std::move(subject);
    found->body = std::move(kept);
    found->body_complete = true;
    found->body_at_ms = wall_ms();
    found->verdict = std::move(settled.verdict);
    found->reason = std::move(settled.reason);
    found->fault = std::move(settled.fault);
    bytes_ += found->bytes();
    make_room();
}

void Ledger::settled_unread(std::uint64_t n, Settled settled) {
    const std::lock_guard lock(mutex_);
    LedgerRow* found = row(n);
    if (found == nullptr) return;
    found->verdict = std::move(settled.verdict);
    found->reason = std::move(settled.reason);
    found->fault = std::move(settled.fault);
}

void Ledger::answered(std::uint64_t n, bool written) {
    const std::lock_guard lock(mutex_);
    LedgerRow* found = row(n);
    if (found == nullptr) return;
    found->answer_written = written;
    found->answered_at_ms = wall_ms();
}

std::uint64_t Ledger::next() const {
    const std::lock_guard lock(mutex_);
    return next_;
}

template <class Visit>
void Ledger::each_match(const Filter& filter, Visit visit) const {
    const std::uint64_t first = next_ - rows_.size();
    const std::uint64_t from = filter.since < first ? 0 : filter.since - first + 1;
    for (std::uint64_t i = from; i < rows_.size(); ++i) {
        if (matches(rows_[i], filter)) visit(rows_[i]);
    }
}

Ledger::Page Ledger::find(const Filter& filter) const {
    Page page;
    const std::lock_guard lock(mutex_);
    each_match(filter, [&](const LedgerRow& row) {
        if (page.count++ < filter.limit) page.rows.push_back(row);
    });
    return page;
}

Ledger::Counts Ledger::count(const Filter& filter) const {
    Counts counts;
    const std::lock_guard lock(mutex_);
    each_match(filter, [&](const LedgerRow& row) {
        ++counts.count;
        if (row.body_complete) ++counts.body_complete;
        if (row.answer_written) ++counts.answer_written;
        ++counts.by_verdict[row.verdict];
    });
    return counts;
}

std::uint64_t Ledger::dropped() const {
    const std::lock_guard lock(mutex_);
    return dropped_;
}

void Ledger::clear() {
    std::deque<LedgerRow> gone;  // freed outside the lock
    const std::lock_guard lock(mutex_);
    gone.swap(rows_);
    bytes_ = 0;
    dropped_ = 0;
}

LedgerRow* Ledger::row(std::uint64_t n) {
    const std::uint64_t first = next_ - rows_.size();
    return n >= first && n < next_ ? &rows_[n - first] : nullptr;
}

void Ledger::make_room() {
    while (rows_.size() > limits_.rows || (bytes_ > limits_.bytes && rows_.size() > 1)) {
        bytes_ -= rows_.front().bytes();
        rows_.pop_front();
        ++dropped_;
    }
}

}  // namespace herald::simulator
