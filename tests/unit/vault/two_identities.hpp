#pragma once

#include "crypto/authority.hpp"
#include "sim/sim_disk.hpp"
#include "vault/identity.hpp"

/// The servers of a pair, as far as who they are goes: both under the first one's root.
struct TwoIdentities {
  explicit TwoIdentities(farkeep::WallTime now) : east(make_east(now)), west(make_west(now)) {}

  farkeep::SystemRandom random;
  farkeep::sim::SimDisk east_disk, west_disk;
  farkeep::Identity east, west;

 private:
  farkeep::Identity make_east(farkeep::WallTime now) {
    east_disk.make_folders("/data");
    return farkeep::Identity::create_first(east_disk, "/data", "east", {*farkeep::parse_address("10.0.0.2")}, now, random);
  }
  farkeep::Identity make_west(farkeep::WallTime now) {
    using namespace farkeep;
    west_disk.make_folders("/data");
    auto draft = Identity::draft(random);
    auto const issuing = east.root_authority()->issue_authority(CertificateRequest::make(draft.issuing_key), draft.id,
                                                                Validity::starting(now, std::chrono::hours{24 * 7000}), random);
    return Identity::create_joined(west_disk, "/data", std::move(draft), "west", {*parse_address("10.0.0.3")}, issuing, east.root(), now, random);
  }
};
