#include "archive/manifest_details.hpp"

#include "archive/archive.pb.h"
#include "archive/node_messages.hpp"
#include "base/check.hpp"

namespace farkeep {
namespace {

std::int64_t count(WallTime t) { return t.time_since_epoch().count(); }
WallTime time(std::int64_t ns) { return WallTime{std::chrono::nanoseconds{ns}}; }

}  // namespace

Buffer encode_details(const SnapshotDetails& d) {
  FARKEEP_CHECK(d.problems.size() <= kMaxProblems);
  archive::pb::Details m;
  m.set_job(d.job);
  m.set_host(d.host);
  for (const auto& p : d.paths) m.add_path(p);
  for (const auto& t : d.tags) m.add_tag(t);
  m.set_started_ns(count(d.started));
  m.set_ended_ns(count(d.ended));
  m.set_files(d.files);
  m.set_folders(d.folders);
  m.set_others(d.others);
  m.set_bytes(d.bytes);
  m.set_bytes_sent(d.bytes_sent);
  m.set_unreadable(d.unreadable);
  m.set_changed_while_read(d.changed_while_read);
  m.set_without_attributes(d.without_attributes);
  m.set_hid_trusted(d.hid_trusted);
  m.set_software(d.software);
  if (d.follows) m.set_follows(*d.follows);
  for (const auto& p : d.problems) {
    auto* to = m.add_problem();
    to->set_path(p.path);
    to->set_text(p.text);
  }
  return serialized(m);
}

result<SnapshotDetails> decode_details(ByteView message) {
  archive::pb::Details m;
  if (!m.ParseFromArray(message.data(), static_cast<int>(message.size()))) return Errc::malformed;
  if (static_cast<std::size_t>(m.problem_size()) > kMaxProblems) return Errc::too_large;
  SnapshotDetails d;
  d.job = m.job();
  d.host = m.host();
  d.paths.assign(m.path().begin(), m.path().end());
  d.tags.assign(m.tag().begin(), m.tag().end());
  d.started = time(m.started_ns());
  d.ended = time(m.ended_ns());
  d.files = m.files();
  d.folders = m.folders();
  d.others = m.others();
  d.bytes = m.bytes();
  d.bytes_sent = m.bytes_sent();
  d.unreadable = m.unreadable();
  d.changed_while_read = m.changed_while_read();
  d.without_attributes = m.without_attributes();
  d.hid_trusted = m.hid_trusted();
  d.software = m.software();
  if (m.has_follows()) d.follows = m.follows();
  for (const auto& p : m.problem()) d.problems.push_back({p.path(), p.text()});
  return d;
}

}  // namespace farkeep
