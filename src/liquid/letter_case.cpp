#include "liquid/letter_case.hpp"

#include <clocale>
#include <cwctype>

namespace herald::liquid {
namespace {

/// Null where the system has no such locale; then only ASCII letters change.
locale_t unicode_locale() {
    static const locale_t locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    return locale;
}

std::wint_t to_upper(std::wint_t c) {
    return unicode_locale() ? towupper_l(c, unicode_locale()) : std::towupper(c);
}
std::wint_t to_lower(std::wint_t c) {
    return unicode_locale() ? towlower_l(c, unicode_locale()) : std::towlower(c);
}

std::size_t length_of(unsigned char lead) { return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4; }

std::wint_t decode(std::string_view character) {
    if (character.size() == 1) return static_cast<unsigned char>(character[0]);
    std::wint_t code = static_cast<unsigned char>(character[0]) & (0xffu >> (character.size() + 1));
    for (const char c : character.substr(1)) code = (code << 6) | (static_cast<unsigned char>(c) & 0x3fu);
    return code;
}

void append_encoded(std::string& out, std::wint_t code) {
    const auto tail = [&](int shift) { out.push_back(static_cast<char>(0x80 | ((code >> shift) & 0x3f))); };
    if (code < 0x80) {
        out.push_back(static_cast<char>(code));
    } else if (code < 0x800) {
        out.push_back(static_cast<char>(0xc0 | (code >> 6)));
        tail(0);
    } else if (code < 0x10000) {
        out.push_back(static_cast<char>(0xe0 | (code >> 12)));
        tail(6);
        tail(0);
    } else {
        out.push_back(static_cast<char>(0xf0 | (code >> 18)));
        tail(12);
        tail(6);
        tail(0);
    }
}

using Mapping = std::wint_t (*)(std::wint_t);

std::string map(std::string_view utf8, Mapping first, Mapping others) {
    std::string out;
    out.reserve(utf8.size());
    Mapping mapping = first;
    for (std::size_t i = 0; i < utf8.size();) {
        const auto character = utf8.substr(i, length_of(static_cast<unsigned char>(utf8[i])));
        append_encoded(out, mapping(decode(character)));
        mapping = others;
        i += character.size();
    }
    return out;
}

}  // namespace

std::string upcase(std::string_view utf8) { return map(utf8, to_upper, to_upper); }
std::string downcase(std::string_view utf8) { return map(utf8, to_lower, to_lower); }
std::string capitalize(std::string_view utf8) { return map(utf8, to_upper, to_lower); }

}  // namespace herald::liquid
