#pragma once

#include "whole_machine.hpp"
#include "wire/signed_document.hpp"

namespace farkeep::test {

/// A server that signs receipts.
struct SigningServer {
  SigningServer(Machine& m, const Authority& root) : key(SigningKey::generate(m.random)), id(m.random.id<ServerId>()) {
    const Validity day = Validity::starting(m.clock.wall(), std::chrono::hours(24));
    SigningKey issuing_key = SigningKey::generate(m.random);
    const auto request = CertificateRequest::make(issuing_key);
    const Authority issuing{root.issue_authority(request, id, day, m.random), std::move(issuing_key)};
    chain = {issuing.issue_server(CertificateRequest::make(key), id, {}, day, m.random), issuing.certificate()};
  }
  Buffer receipt(const Machine& m, const Digest& snapshot, std::uint64_t sequence) const {
    wire::pb::Receipt r;
    r.set_server_id(id.raw());
    r.set_sequence(sequence);
    r.set_manifest_digest(snapshot.raw());
    r.set_time_ns(m.clock.wall().time_since_epoch().count());
    return to_buffer(as_bytes(wire::sign_receipt(r, {key, chain}).SerializeAsString()));
  }
  SigningKey key;
  ServerId id;
  std::vector<Certificate> chain;
};

}  // namespace farkeep::test
