#include "common/take_over.hpp"

#include "platform/service_notify.hpp"

namespace farkeep {

std::string take_over(const std::function<void()>& attempt) {
  service_reloading();
  std::string problem;
  try {
    attempt();
  } catch (const std::exception& e) {
    problem = e.what();
    log_error("{}; the old configuration stays", problem);
  }
  service_ready();
  return problem;
}

}  // namespace farkeep
