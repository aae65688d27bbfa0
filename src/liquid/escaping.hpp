#pragma once

#include <string>
#include <string_view>

namespace herald::liquid {

/// What happens to a printed value. Subjects, SMS and push are plain text, HTML bodies are not.
enum class Escaping { none, html };

/// Safe in HTML text and in quoted attributes.
void append_html_escaped(std::string& out, std::string_view text);

}  // namespace herald::liquid
