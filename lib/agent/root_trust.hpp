#pragma once

#include <string>

#include "agent/state.hpp"
#include "crypto/certificate.hpp"
#include "crypto/revocation.hpp"
#include "transport/identity.hpp"

namespace farkeep {

/// The data centres' root certificate, from `[registration] ca_file`.  Throws failure(configuration), also when others may change the file.
Certificate read_authority(const std::string& ca_file);

/// Whom this machine trusts: the root that its configuration names, and what the root's word adds and takes back, as far as it was heard.
///
/// The folder is looked at in each call, so a run that goes on for days goes by what is known now, whoever heard it; a word is verified once.
/// A word that cannot be read any more, or an older one, takes nothing back that was known here.
class RootTrust {
 public:
  /// Both outlive it.
  RootTrust(const AgentState& state, const Certificate& authority) : state_(state), authority_(authority), roots_(authority) {}

  const TrustedRoots& roots();
  const Revocations& revoked();
  /// Why the server at the other end of a connection that exists is not to be believed any more; empty: it is.
  std::string objection(const PeerIdentity& server);

 private:
  void look();

  const AgentState& state_;
  const Certificate& authority_;
  bool looked_ = false;
  Buffer seen_;       // the file as it was when it was looked at last
  std::string word_;  // the newest of what it held
  TrustedRoots roots_;
  Revocations revoked_;
};

}  // namespace farkeep
