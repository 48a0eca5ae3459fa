#include "agent/root_trust.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "platform/atomic_file.hpp"
#include "platform/file_access.hpp"
#include "wire/message.hpp"
#include "wire/root_word.hpp"

namespace farkeep {

Certificate read_authority(const std::string& ca_file) {
  const std::string what = "the data centres' authority " + ca_file;
  refuse_if_others_may_change(ca_file, what);
  const auto text = read_file(system_disk(), ca_file, kMaxCertificate);
  if (!text) throw failure(Errc::configuration, "reading " + what + ", which ca_file names: there is no such file (the operator of the servers hands it out)");
  return value_or_throw(Certificate::from_pem(as_text(*text)), "reading " + what);
}

const TrustedRoots& RootTrust::roots() {
  look();
  return roots_;
}

const Revocations& RootTrust::revoked() {
  look();
  return revoked_;
}

// A disk that fails in the middle of a run is no reason to end it.
void RootTrust::look() {
  Buffer now;
  try {
    now = state_.root_word();
  } catch (const failure& f) {
    if (!looked_) throw;
    log_warning("{} (what the root said before counts)", f.what());
    return;
  }
  if (looked_ && now == seen_) return;
  looked_ = true;
  seen_ = std::move(now);
  const auto told = wire::parse_message<wire::pb::SignedRootWord>(as_text(seen_));
  if (!told) return;
  const std::string newest = wire::newer_root_word(word_, *told, authority_);
  if (newest == word_) return;
  auto word = wire::stored_root_word(newest, authority_);
  if (!word) return;
  word_ = newest;
  roots_ = std::move(word->roots);
  revoked_ = std::move(word->revoked);
}

// Where no TLS is spoken there is no certificate, and the name is all there is.
std::string RootTrust::objection(const PeerIdentity& server) {
  look();
  if (revoked_.empty() || server.role != PeerIdentity::Role::server) return {};
  if (server.certificate.empty()) {
    const auto since = revoked_.since(server.server, {});
    return since ? "server " + server.server.hex() + " was revoked by the data centres' root on " + rfc3339(*since) : std::string{};
  }
  const auto leaf = Certificate::from_der(server.certificate);
  std::vector<Certificate> above;
  for (auto& der : server.above)
    if (auto one = Certificate::from_der(der)) above.push_back(std::move(*one));
  return leaf ? revoked_.objection(CertificateName::of_server(server.server), *leaf, above) : std::string{};
}

}  // namespace farkeep
