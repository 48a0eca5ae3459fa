#include "transport/line_symptom.hpp"

namespace farkeep {

LineSymptom symptom_of(int) noexcept { return LineSymptom::none; }

}  // namespace farkeep
