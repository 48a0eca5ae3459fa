#include "agent/vault_client.hpp"

#include "agent/asked_records.hpp"
#include "archive/manifest.hpp"
#include "archive/record.hpp"
#include "base/clock.hpp"
#include "base/limits.hpp"
#include "base/software.hpp"
#include "wire/message.hpp"
#include "wire/signed_document.hpp"

namespace farkeep {
namespace {

namespace pb = wire::pb;
using wire::Verb;
constexpr std::uint32_t kVersion = 1;

Buffer bytes_of(const std::string& field) { return to_buffer(as_bytes(field)); }

}  // namespace

task<pb::HelloReply> VaultClient::hello(Peer& peer, const Clock& clock) {
  pb::Hello hello;
  hello.set_version_min(kVersion);
  hello.set_version_max(kVersion);
  hello.set_software(std::string(kSoftware));
  hello.set_time_ns(clock.wall().time_since_epoch().count());
  pb::HelloReply reply = co_await peer.call<pb::HelloReply>(Verb::hello, hello, std::chrono::nanoseconds(limits::kHelloTimeout));
  if (reply.version() != kVersion) throw failure(Errc::unsupported_version, "greeting " + peer.describe() + ": it chose protocol version " + std::to_string(reply.version()));
  if (reply.server_id() != peer.identity().server.raw()) throw failure(Errc::identity, "greeting " + peer.describe() + ": it calls itself another server than its certificate does");
  co_return reply;
}

task<void> VaultClient::open() {
  const pb::OpenVault open;
  const pb::VaultState state = co_await peer_.call<pb::VaultState>(Verb::open, open);
  facts_.head = state.head();
  facts_.head_digest = Digest::from(state.head_digest()).value_or(Digest{});
  if ((facts_.head == 0) != facts_.head_digest.is_zero()) throw failure(Errc::protocol, "opening the vault on " + name_ + ": its newest snapshot has no number or no id");
  facts_.objects = state.objects();
  facts_.stored_bytes = state.stored_bytes();
  facts_.quota_bytes = state.quota_bytes();
}

task<std::vector<bool>> VaultClient::have(std::vector<ObjectId> ids) {
  pb::Have have;
  have.set_ids(wire::to_field(ids));
  const pb::HaveReply reply = co_await peer_.call<pb::HaveReply>(Verb::have, have);
  co_return value_or_throw(wire::parse_bitmap(reply.bitmap(), ids.size()), "asking " + name_ + " which objects it has");
}

task<void> VaultClient::put(Buffer records, std::function<void()> on_its_way, Haste haste) {
  pb::Put put;
  put.set_soon(haste == Haste::soon);
  put.set_records(static_cast<std::uint32_t>(value_or_throw(split_records(records), "sending records").size()));
  Answer answer = co_await peer_.send(Verb::put, wire::to_head(put), std::move(records));
  on_its_way();
  co_await answer.only();
}

task<VaultPort::Commit> VaultClient::commit(Buffer manifest) {
  pb::Commit commit;
  commit.set_manifest(to_string(manifest));
  const pb::Committed reply = co_await peer_.call<pb::Committed>(Verb::commit, commit);
  Commit out;
  if (!reply.missing().empty()) {
    out.missing = value_or_throw(wire::parse_ids(reply.missing()), "committing to " + name_);
    co_return out;
  }
  // A receipt that does not hold is no acknowledgement.
  const Digest id = value_or_throw(Manifest::parse(manifest), "committing a manifest").snapshot_id();
  const auto receipt = wire::verify_receipt(reply.receipt(), roots_);
  if (!receipt) throw failure(receipt.error() == Errc::identity ? Errc::identity : Errc::protocol, "checking the receipt of " + name_ + ": " + receipt.error().message());
  if (receipt->manifest_digest() != id.raw() || receipt->server_id() != server_id().raw())
    throw failure(Errc::identity, "checking the receipt of " + name_ + ": it is for another snapshot or of another server");
  out.receipt = bytes_of(wire::known_part(reply.receipt()).SerializeAsString());
  co_return out;
}

task<std::vector<RemoteSnapshot>> VaultClient::snapshots(std::uint64_t after) {
  pb::Snapshots ask;
  ask.set_after(after);
  const pb::SnapshotPage page = co_await peer_.call<pb::SnapshotPage>(Verb::snapshots, ask);
  if (static_cast<std::uint64_t>(page.snapshot_size()) > limits::kPageSnapshots)
    throw failure(Errc::protocol, "listing snapshots: " + name_ + " sent more of them at once than a page holds");
  std::vector<RemoteSnapshot> rows;
  for (auto& s : page.snapshot()) {
    RemoteSnapshot row;
    row.manifest = bytes_of(s.manifest());
    row.receipt = bytes_of(s.receipt().SerializeAsString());
    if (s.has_partner_receipt()) row.partner_receipt = bytes_of(s.partner_receipt().SerializeAsString());
    rows.push_back(std::move(row));
  }
  co_return rows;
}

task<std::vector<ObjectId>> VaultClient::get(std::vector<ObjectId> ids, Sink sink) {
  pb::Get ask;
  ask.set_ids(wire::to_field(ids));
  return fetch(std::move(ask), AskedRecords{ids, name_}, std::move(sink));
}

task<std::vector<ObjectId>> VaultClient::get_others(std::vector<ObjectId> ids, std::vector<Digest> not_these, Sink sink) {
  pb::Get ask;
  ask.set_ids(wire::to_field(ids));
  for (auto& digest : not_these) ask.mutable_not_these()->append(as_text(digest.view()));
  return fetch(std::move(ask), AskedRecords{ids, name_}, std::move(sink));
}

task<std::vector<ObjectId>> VaultClient::fetch(pb::Get ask, AskedRecords asked, Sink sink) {
  Answer answer = co_await peer_.send(Verb::get, wire::to_head(ask));
  std::vector<ObjectId> missing;
  while (auto frame = co_await answer.next()) {
    const auto got = value_or_throw(wire::parse_message<pb::Got>(frame->head), "reading from " + name_);
    auto some = value_or_throw(wire::parse_ids(got.missing()), "reading from " + name_);
    if (some.empty() && frame->body.empty()) asked.nothing();
    asked.lacks(some);
    asked.got(frame->body);
    missing.insert(missing.end(), some.begin(), some.end());
    if (!frame->body.empty()) co_await sink(std::move(frame->body));
  }
  co_return missing;
}

task<void> VaultClient::report(Buffer report) {
  const auto message = value_or_throw(wire::parse_message<pb::Report>(as_text(report)), "reading our own report");
  co_await peer_.call<pb::Done>(Verb::report, message);
}

task<void> VaultClient::add_slot(Buffer slot) {
  pb::AddSlot add;
  add.set_slot(to_string(slot));
  co_await peer_.call<pb::Done>(Verb::add_slot, add);
}

task<std::vector<Buffer>> VaultClient::slots() {
  const pb::GetSlots ask;
  const pb::Slots reply = co_await peer_.call<pb::Slots>(Verb::slots, ask);
  std::vector<Buffer> out;
  for (auto& s : reply.slot()) out.push_back(bytes_of(s));
  co_return out;
}

}  // namespace farkeep
