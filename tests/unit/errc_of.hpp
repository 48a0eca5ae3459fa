#pragma once

#include <utility>

#include "base/error.hpp"

namespace farkeep::test {

/// What a call fails with; Errc{} when it does not.
template <class Call>
Errc errc_of(Call&& call) {
  try {
    std::forward<Call>(call)();
  } catch (const failure& f) {
    return classify(f.code());
  }
  return Errc{};
}

}  // namespace farkeep::test
