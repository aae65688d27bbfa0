#pragma once

#include <cstddef>
#include <cstdint>

namespace herald::liquid {

/// What a rendering may still do, counted in bytes that it looks at. Once it is spent it stays so, and what
/// spends from it breaks off with any result: the caller must ask `is_spent` before it uses one.
class Work {
public:
    /// Looking at one value costs as much as this many bytes of text.
    static constexpr std::size_t kValue = 8;

    explicit Work(std::int64_t bytes) : left_(bytes) {}

    /// False when that is more than was left.
    bool spend(std::size_t bytes) {
        if (left_ >= 0) left_ -= static_cast<std::int64_t>(bytes);
        return left_ >= 0;
    }
    bool is_spent() const { return left_ < 0; }

private:
    std::int64_t left_;
};

}  // namespace herald::liquid
