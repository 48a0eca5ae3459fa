#pragma once

#include "agent/servers.hpp"

namespace farkeep {

/// The server of the pair that a verb does not use already.
class SecondServer final : public OtherVault {
 public:
  SecondServer(Servers& servers, ServerId first) : servers_(servers), first_(first) {}
  task<void> use(std::function<task<void>(VaultPort&)> work) override;

 private:
  Servers& servers_;
  const ServerId first_;
};

}  // namespace farkeep
