#pragma once

#include <string>
#include <string_view>

namespace herald {

/// Names the calling thread for `top -H`, gdb and /proc: `<what>.<which>`, as it fits.
void name_this_thread(std::string_view name);

/// Linux keeps 15 bytes. Of a longer name the longest of its dotted parts give letters, so that threads which
/// differ in the last part stay apart.
std::string fit_thread_name(std::string_view name);

}  // namespace herald
