#pragma once

#include <cstdint>

namespace farkeep {

/// What the system knows of a TCP connection that came to nothing.
enum class LineSymptom : std::uint8_t {
  none,
  silent,      ///< after it was accepted, not one byte came
  swallowing,  ///< small segments were acknowledged and what is missing is not, though sent again; or later ones came and an earlier one never
};

/// Of a TCP socket that is still open; none where the system does not tell.
LineSymptom symptom_of(int handle) noexcept;

}  // namespace farkeep
