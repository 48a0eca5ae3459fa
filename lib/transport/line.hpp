#pragma once

#include <optional>
#include <string>

#include "transport/dialer.hpp"
#include "transport/line_symptom.hpp"

namespace farkeep {

/// A way out whose first connection can be told to use small segments.
class Line : public Dialer {
 public:
  /// For what is dialled from now on, bytes; nothing: as the system has it.
  virtual void set_max_segment(std::optional<int> bytes) = 0;
  /// Of the connection that was closed last.
  virtual LineSymptom symptom() const = 0;
  /// Names the network that this machine is in, as seen from the way to there: its own address.  Empty: no way is known.  Sends nothing.
  virtual std::string network(const Endpoint& destination) const = 0;
};

}  // namespace farkeep
