#pragma once

#include <boost/system/error_code.hpp>

namespace farkeep {

/// Standard output did not take all that was said (say.hpp): the disk is full, the reader is gone.  What says very much stops then; whatever does more than say
/// goes on.
bool is_unheard() noexcept;

/// What is said goes out now; for the end of the program, which says nothing after it.  What kept any of it from arriving; nothing: all did.
boost::system::error_code end_of_saying();

}  // namespace farkeep
