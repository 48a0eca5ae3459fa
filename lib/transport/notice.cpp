#include "transport/notice.hpp"

namespace farkeep {

const char* name_of(Notice::Event event) noexcept {
  switch (event) {
    case Notice::Event::started: return "started";
    case Notice::Event::done: return "done";
    case Notice::Event::incomplete: return "incomplete";
    case Notice::Event::failed: return "failed";
    case Notice::Event::overdue: return "overdue";
    case Notice::Event::recovered: return "recovered";
    case Notice::Event::unusable: return "unusable";
    case Notice::Event::disk: return "disk";
  }
  return "unknown";
}

}  // namespace farkeep
