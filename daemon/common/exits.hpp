#pragma once

#include "base/error.hpp"

namespace farkeep {

/// Nobody read the results to their end: as if SIGPIPE had ended the program, whose work is done.
inline constexpr Exit kUnheard{141};

/// Of things done one after the other, the one that a person must hear of first.
Exit worse(Exit a, Exit b) noexcept;

}  // namespace farkeep
