#include "agent/fetcher.hpp"

#include <algorithm>

#include "archive/envelope_record.hpp"
#include "archive/record.hpp"
#include "base/error.hpp"
#include "base/limits.hpp"
#include "crypto/envelope.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kSessions = 4096;  // one for each run that still has live content

std::shared_ptr<const OpenedRecord> open_record(std::shared_ptr<const Fetcher::Session> with, Buffer record) {
  auto opened = with->opener.open(record);
  if (!opened) throw failure(opened.error(), "opening a record of " + std::to_string(record.size()) + " bytes from the server");
  return std::make_shared<const OpenedRecord>(std::move(*opened));
}

}  // namespace

const OpenedRecord::Object* ObjectSet::find(const ObjectId& id) const {
  const auto it = places_.find(id);
  return it == places_.end() ? nullptr : it->second.object;
}

Fetcher::Fetcher(VaultPort& vault, const AgentKeys& keys, Workers& workers, std::size_t kept)
    : vault_(vault), keys_(keys), workers_(workers), turns_(workers.threads() + 1), most_kept_(kept) {}

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
    where_[o.id] = ObjectSet::Place{record, &o};
  }
  kept_.push_back(Kept{record, bytes});
  kept_bytes_ += bytes;
  while (kept_bytes_ > most_kept_ && kept_.size() > 1) {
    Kept& old = kept_.front();
    for (auto& o : old.record->objects()) {
      const auto it = where_.find(o.id);
      if (it != where_.end() && it->second.record == old.record) where_.erase(it);
    }
    kept_bytes_ -= old.bytes;
    kept_.pop_front();
  }
}

bool Fetcher::find_kept(const ObjectId& id, ObjectSet& set) const {
  if (set.places_.contains(id)) return true;
  const auto it = where_.find(id);
  if (it == where_.end()) return false;
  set.places_.emplace(id, it->second);
  return true;
}

task<void> Fetcher::open(std::shared_ptr<const Session> with, Buffer record, Budget::Lease turn, Arrival& arrival) {
  Opened opened = co_await workers_.offload(&open_record, std::move(with), std::move(record));
  turn.release();
  arrival.opened.push_back(std::move(opened));
}

// Asking here for a session's key would wait behind the very answer that is being read.
task<void> Fetcher::arrived(Buffer records, Arrival& arrival) {
  const auto views = value_or_throw(split_records(records), "reading records from the server");
  for (const RecordView& v : views) {
    const auto known = sessions_.find(v.session());
    if (known == sessions_.end()) {
      arrival.later.push_back(to_buffer(v.bytes()));
      continue;
    }
    Budget::Lease turn = co_await turns_.take(1);
    arrival.scope.spawn(open(known->second, to_buffer(v.bytes()), std::move(turn), arrival), "opening a record");
  }
}

task<void> Fetcher::ask(std::vector<ObjectId> ids, Arrival& arrival) {
  VaultPort::Sink sink = [this, &arrival](Buffer records) -> task<void> { return arrived(std::move(records), arrival); };
  arrival.missing = co_await vault_.get(std::move(ids), std::move(sink));
  for (auto& record : arrival.later) {
    const RecordView view = value_or_throw(RecordView::parse(record), "reading records from the server");
    std::shared_ptr<const Session> with = co_await session(view.session());
    Budget::Lease turn = co_await turns_.take(1);
    arrival.scope.spawn(open(std::move(with), std::move(record), std::move(turn), arrival), "opening a record");
  }
}

task<void> Fetcher::fetch(std::vector<ObjectId> ids, ObjectSet& set) {
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  for (std::size_t at = 0; at < ids.size(); at += limits::kIdsPerQuestion) {
    const std::size_t n = std::min(ids.size() - at, limits::kIdsPerQuestion);
    std::vector<ObjectId> some(ids.begin() + static_cast<std::ptrdiff_t>(at), ids.begin() + static_cast<std::ptrdiff_t>(at + n));
    Scope scope(co_await asio::this_coro::executor);
    Arrival arrival{scope, {}, {}, {}};
    scope.spawn(ask(std::move(some), arrival), "fetching records");
    co_await scope.join();
    if (!arrival.missing.empty())
      throw failure(Errc::missing_object, "reading object " + arrival.missing.front().brief() + " and " + std::to_string(arrival.missing.size() - 1) +
                                              " more from " + vault_.server());
    for (auto& r : arrival.opened) {
      keep(r);
      for (auto& o : r->objects()) set.places_.emplace(o.id, ObjectSet::Place{r, &o});
    }
  }
}

task<std::shared_ptr<ObjectSet>> Fetcher::objects(std::vector<ObjectId> ids, std::size_t shared) {
  struct Ending {
    std::shared_ptr<Call> call = std::make_shared<Call>();
    ~Ending() {
      call->done = true;
      call->finished.wake_all();
    }
  } const ending;
  const std::shared_ptr<Call> before = shared > 0 ? std::exchange(last_, ending.call) : nullptr;
  const std::shared_ptr<ObjectSet> set = ending.call->set;
  std::vector<ObjectId> now, held;
  for (std::size_t i = 0; i < ids.size(); ++i)
    if (!find_kept(ids[i], *set)) (i < shared && before && !before->done ? held : now).push_back(ids[i]);
  co_await fetch(std::move(now), *set);
  if (!held.empty()) {
    while (!before->done) co_await before->finished.wait();
    std::vector<ObjectId> still;
    for (auto& id : held) {
      if (const auto it = before->set->places_.find(id); it != before->set->places_.end()) set->places_.emplace(id, it->second);
      else if (!find_kept(id, *set)) still.push_back(id);
    }
    co_await fetch(std::move(still), *set);
  }
  for (auto& id : ids)
    if (!set->places_.contains(id)) throw failure(Errc::protocol, "reading object " + id.brief() + ": " + vault_.server() + " sent other records");
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
