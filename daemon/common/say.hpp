#pragma once

#include <string_view>

namespace farkeep {

/// The one way to the terminal for all four programs: whatever text of others is in it comes out harmless (base/harmless.hpp).  Lint: no file of lib/ or daemon/ prints otherwise.
/// A line end is added where there is none.

void say_text(std::string_view text);  ///< a result, on standard output
void say_json(std::string_view json);  ///< one, as a line of JSON
void tell_text(std::string_view text); ///< a message, on standard error
void tell_json(std::string_view json);
/// A question: no line end follows it.
void ask_text(std::string_view text);

/// A line on standard error that the next one replaces.
void draw_text(std::string_view text);
void wipe_drawn();

}  // namespace farkeep
