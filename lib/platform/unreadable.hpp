#pragma once

#include <boost/system/error_code.hpp>

namespace farkeep {

/// Whether a file that failed so is as good as damaged: its disk does not give it, or it is longer than such files are.  Not that this process may have no
/// more files or memory, that the file is another user's, or that a disk behind a network does not answer: that passes, and says nothing of the file.
bool is_unreadable(const boost::system::error_code& code) noexcept;

}  // namespace farkeep
