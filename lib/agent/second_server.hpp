#pragma once

#include "agent/servers.hpp"

namespace farkeep {

/// The server of the pair that a verb does not use already, at the first of its addresses that answers.
class SecondServer final : public OtherVault {
 public:
  /// `line`: the addresses that may be tried, of both servers (known_ones_first()).
  SecondServer(Servers& servers, ServerId first, std::vector<ServerTarget> line) : servers_(servers), first_(first), line_(std::move(line)) {}
  task<void> use(std::function<task<void>(VaultPort&)> work) override;

 private:
  Servers& servers_;
  const ServerId first_;
  const std::vector<ServerTarget> line_;
};

}  // namespace farkeep
