#include "agent/fetcher.hpp"

#include <algorithm>

#include "archive/envelope_record.hpp"
#include "archive/record.hpp"
#include "base/error.hpp"
#include "base/limits.hpp"
#include "crypto/envelope.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kKeptBytes = 16 * limits::kMiB;  // neighbours in the catalog lie in the same few records
constexpr std::size_t kSessions = 4096;                // one for each run that still has live content

std::shared_ptr<const OpenedRecord> open_record(std::shared_ptr<const Fetcher::Session> with, Buffer record) {
  auto opened = with->opener.open(record);
  if (!opened) throw failure(opened.error(), "opening a record of " + std::to_string(record.size()) + " bytes from the server");
  return std::make_shared<const OpenedRecord>(std::move(*opened));
}

}  // namespace

const OpenedRecord::Object* ObjectSet::find(const ObjectId& id) const {
  const auto it = objects_.find(id);
  return it == objects_.end() ? nullptr : it->second;
}

Fetcher::Fetcher(VaultPort& vault, const AgentKeys& keys, Workers& workers) : vault_(vault), keys_(keys), workers_(workers) {}

result<std::shared_ptr<const Fetcher::Session>> Fetcher::open_session(const SessionId& id, const RecordView& record) const {
  auto envelope = envelope_of(record);
  if (!envelope) return envelope.error();
  auto key = open_envelope(*envelope, id, keys_.ring.wrap_key());
  if (!key) return key.error();
  RecordOpener opener(*key, keys_.ring, keys_.account, keys_.agent);
  return std::make_shared<const Session>(Session{std::move(*key), std::move(opener)});
}

task<void> Fetcher::fetch_sessions(std::vector<SessionId> wanted) {
  std::vector<ObjectId> ids;
  for (auto& s : wanted)
    if (!sessions_.contains(s)) ids.push_back(envelope_id(s));
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  for (std::size_t at = 0; at < ids.size(); at += limits::kIdsPerQuestion) {
    const std::size_t n = std::min(ids.size() - at, limits::kIdsPerQuestion);
    std::vector<ObjectId> some(ids.begin() + static_cast<std::ptrdiff_t>(at), ids.begin() + static_cast<std::ptrdiff_t>(at + n));
    VaultPort::Sink sink = [this](Buffer records) -> task<void> {
      const auto views = value_or_throw(split_records(records), "reading key envelopes from the server");
      for (auto& v : views) {
        auto session = open_session(v.session(), v);
        if (session && sessions_.size() < kSessions) sessions_.emplace(v.session(), std::move(*session));
      }
      co_return;
    };
    co_await vault_.get(std::move(some), std::move(sink));
  }
}

task<std::shared_ptr<const Fetcher::Session>> Fetcher::session(SessionId id) {
  if (const auto it = sessions_.find(id); it != sessions_.end()) co_return it->second;
  std::vector<ObjectId> ids{envelope_id(id)};
  Buffer record;
  VaultPort::Sink sink = [&record](Buffer records) -> task<void> {
    record = std::move(records);
    co_return;
  };
  const std::vector<ObjectId> missing = co_await vault_.get(std::move(ids), std::move(sink));
  const std::string doing = "reading the key envelope of session " + id.brief() + " from " + vault_.server();
  if (!missing.empty()) throw failure(Errc::missing_object, doing);
  const RecordView view = value_or_throw(RecordView::parse(record), doing);
  auto session = value_or_throw(open_session(id, view), doing);
  if (sessions_.size() < kSessions) sessions_.emplace(id, session);
  co_return session;
}

void Fetcher::keep(const std::shared_ptr<const OpenedRecord>& record) {
  std::size_t bytes = 0;
  for (auto& o : record->objects()) {
    bytes += o.bytes.size() + o.refs.size_bytes();
    where_[o.id] = Place{record, &o};
  }
  kept_.push_back(Kept{record, bytes});
  kept_bytes_ += bytes;
  while (kept_bytes_ > kKeptBytes && kept_.size() > 1) {
    Kept& old = kept_.front();
    for (auto& o : old.record->objects()) {
      const auto it = where_.find(o.id);
      if (it != where_.end() && it->second.record == old.record) where_.erase(it);
    }
    kept_bytes_ -= old.bytes;
    kept_.pop_front();
  }
}

// Records of a session whose key is not here yet go to `later`: asking for it now would wait behind the very answer that is being read.
task<void> Fetcher::open_records(Buffer records, Opened& into, std::vector<Buffer>& later) {
  const auto views = value_or_throw(split_records(records), "reading records from the server");
  for (const RecordView& v : views) {
    const auto known = sessions_.find(v.session());
    if (known == sessions_.end()) {
      later.push_back(to_buffer(v.bytes()));
      continue;
    }
    std::shared_ptr<const Session> with = known->second;
    std::shared_ptr<const OpenedRecord> opened = co_await workers_.offload(&open_record, std::move(with), to_buffer(v.bytes()));
    into.push_back(std::move(opened));
  }
}

task<std::shared_ptr<ObjectSet>> Fetcher::objects(std::vector<ObjectId> ids) {
  auto set = std::make_shared<ObjectSet>();
  std::vector<ObjectId> ask;
  for (auto& id : ids) {
    if (set->objects_.contains(id)) continue;
    const auto it = where_.find(id);
    if (it == where_.end()) {
      ask.push_back(id);
      continue;
    }
    if (set->records_.empty() || set->records_.back() != it->second.record) set->records_.push_back(it->second.record);
    set->objects_.emplace(id, it->second.object);
  }
  std::sort(ask.begin(), ask.end());
  ask.erase(std::unique(ask.begin(), ask.end()), ask.end());
  for (std::size_t at = 0; at < ask.size(); at += limits::kIdsPerQuestion) {
    const std::size_t n = std::min(ask.size() - at, limits::kIdsPerQuestion);
    std::vector<ObjectId> some(ask.begin() + static_cast<std::ptrdiff_t>(at), ask.begin() + static_cast<std::ptrdiff_t>(at + n));
    Opened opened;
    std::vector<Buffer> later;
    VaultPort::Sink sink = [this, &opened, &later](Buffer records) -> task<void> { return open_records(std::move(records), opened, later); };
    const std::vector<ObjectId> missing = co_await vault_.get(std::move(some), std::move(sink));
    for (auto& record : later) {
      const RecordView view = value_or_throw(RecordView::parse(record), "reading records from the server");
      std::shared_ptr<const Session> with = co_await session(view.session());
      std::shared_ptr<const OpenedRecord> one = co_await workers_.offload(&open_record, std::move(with), std::move(record));
      opened.push_back(std::move(one));
    }
    if (!missing.empty())
      throw failure(Errc::missing_object, "reading object " + missing.front().brief() + " and " + std::to_string(missing.size() - 1) + " more from " + vault_.server());
    for (auto& r : opened) {
      keep(r);
      set->records_.push_back(r);
      for (auto& o : r->objects()) set->objects_.emplace(o.id, &o);
    }
  }
  for (auto& id : ids)
    if (!set->objects_.contains(id)) throw failure(Errc::protocol, "reading object " + id.brief() + ": " + vault_.server() + " sent other records");
  co_return set;
}

task<std::vector<NodePlainOwned>> Fetcher::load(std::vector<ObjectId> ids) {
  std::shared_ptr<ObjectSet> set = co_await objects(ids);
  std::vector<NodePlainOwned> nodes;
  nodes.reserve(ids.size());
  for (auto& id : ids) {
    const OpenedRecord::Object* o = set->find(id);
    nodes.push_back(NodePlainOwned{id, to_buffer(o->bytes), {o->refs.begin(), o->refs.end()}});
  }
  co_return nodes;
}

}  // namespace farkeep
