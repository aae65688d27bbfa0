#include "liquid/escaping.hpp"

namespace herald::liquid {

void append_html_escaped(std::string& out, std::string_view text) {
    std::size_t clean = 0;
    for (std::size_t i = text.find_first_of("&<>\"'"); i != std::string_view::npos;
         i = text.find_first_of("&<>\"'", clean)) {
        out.append(text, clean, i - clean);
        clean = i + 1;
        switch (text[i]) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            default:
                out += "&#39;";
        }
    }
    out.append(text, clean);
}

}  // namespace herald::liquid
