#include "async/fence.hpp"

#include "base/error.hpp"

namespace farkeep {

task<std::string> problem_of(task<void> work) {
  std::string problem;
  try {
    co_await std::move(work);
    co_return problem;
  } catch (const boost::system::system_error& e) {
    if (classify(e.code()) == Errc::cancelled) throw;
    problem = e.what();
  } catch (const std::exception& e) {
    problem = e.what();
  }
  if (problem.empty()) problem = "a failure without words";
  co_return problem;
}

}  // namespace farkeep
