#include "platform/unreadable.hpp"

#include "base/error.hpp"

namespace farkeep {

bool is_unreadable(const boost::system::error_code& code) noexcept {
  if (code.category() == far_disk_category()) return false;
  namespace bs = boost::system::errc;
  for (auto const passes : {bs::too_many_files_open, bs::too_many_files_open_in_system, bs::not_enough_memory, bs::permission_denied, bs::operation_not_permitted, bs::interrupted})
    if (code == passes) return false;
  return classify(code) == Errc::io || classify(code) == Errc::too_large;
}

}  // namespace farkeep
