#pragma once

#include <string>
#include <string_view>

namespace farkeep {

/// `text` as a `string` field of a message may hold it: a message with bytes in one that are no UTF-8 is refused whole by whoever reads it.  What is none is
/// written out as \xNN, and what is beyond `most` bytes is left out, from the end.  Every text that comes from outside (a command's output, a machine's name, the words of
/// an error) goes through here once, where it enters; what may be shown is another question (base/harmless.hpp).
std::string valid_text(std::string_view text, std::size_t most = std::string_view::npos);

/// Each byte as \xNN.
void append_written_out(std::string& out, std::string_view bytes);

}  // namespace farkeep
