#pragma once

#include <boost/asio/cancellation_signal.hpp>
#include <catch2/catch.hpp>
#include <random>

#include "archive/envelope_record.hpp"
#include "archive/record_layout.hpp"
#include "base/codec.hpp"
#include "crypto/digest.hpp"
#include "sim/sim_disk.hpp"
#include "sim/sim_timers.hpp"
#include "store/directory_store.hpp"
#include "store/memory_store.hpp"
#include "vault/vault.hpp"
#include "wire/wire.pb.h"

namespace farkeep::test {

/// Catch cannot print a result.
template <class T>
bool ok(const result<T>& r) {
  return r.has_value();
}

/// Ids that look like what they are: hashes.
inline ObjectId object(std::uint64_t n) {
  Buffer b;
  Writer{b}.number(n);
  return *ObjectId::from(sha256(b).view());
}

inline SessionId session(std::uint8_t n = 1) {
  SessionId s;
  s.bytes.fill(n);
  return s;
}

/// One object of a made-up record; a server never looks under the seal.
struct Made {
  ObjectId id;
  std::vector<ObjectId> refs;
};

inline Buffer record(ObjectType type, const std::vector<Made>& objects, std::size_t sealed = 100, SessionId s = session()) {
  Buffer out;
  Writer w{out};
  std::uint32_t refs = 0;
  for (const Made& m : objects) refs += static_cast<std::uint32_t>(m.refs.size());
  w.raw(kRecordMagic);
  w.number(kRecordSuite);
  w.number(static_cast<std::uint8_t>(type));
  w.number(static_cast<std::uint16_t>(objects.size()));
  w.number(refs);
  w.number(static_cast<std::uint32_t>(sealed));
  w.raw(s.view());
  w.raw(Buffer(24, 0xee));
  for (const Made& m : objects) w.raw(m.id.view());
  if (type == ObjectType::node) {
    for (const Made& m : objects) w.number(static_cast<std::uint32_t>(m.refs.size()));
    for (const Made& m : objects)
      for (const ObjectId& r : m.refs) w.raw(r.view());
  }
  for (std::size_t i = 0; i < sealed; ++i) out.push_back(static_cast<std::uint8_t>(objects[0].id.bytes[i % 32] + i));
  return out;
}

inline Buffer chunk(std::uint64_t n, std::size_t sealed = 100) { return record(ObjectType::data, {Made{object(n), {}}}, sealed); }
inline Buffer node(std::uint64_t n, const std::vector<std::uint64_t>& refs) {
  Made m{object(n), {}};
  for (std::uint64_t r : refs) m.refs.push_back(object(r));
  return record(ObjectType::node, {m});
}
inline Buffer envelope(SessionId s = session()) { return make_envelope_record(s, Buffer(60, 0x11)); }

inline Buffer join(const std::vector<Buffer>& parts) {
  Buffer out;
  for (const Buffer& p : parts) append(out, p);
  return out;
}

/// A manifest is what FakeJudge says it is: sequence, previous, root, session, and whatever distinguishes it.
struct FakeManifest {
  std::uint64_t sequence = 1;
  Digest previous;
  ObjectId root;
  SessionId session_id = session();
  std::uint8_t salt = 0;

  Buffer bytes() const {
    Buffer out;
    Writer w{out};
    w.number(sequence);
    w.raw(previous.view());
    w.raw(root.view());
    w.raw(session_id.view());
    w.number(salt);
    return out;
  }
  Digest digest() const { return sha256(bytes()); }
};

struct FakeJudge final : ManifestJudge {
  AccountId account;
  AgentId agent;
  result<ManifestFacts> judge(ByteView bytes) override {
    Reader r{bytes};
    ManifestFacts f;
    f.sequence = r.number<std::uint64_t>();
    auto previous = Digest::from(r.raw(32));
    auto root = ObjectId::from(r.raw(32));
    auto s = SessionId::from(r.raw(16));
    r.raw(1);
    if (!r.done()) return Errc::identity;
    f.previous = *previous;
    f.root = *root;
    f.session = *s;
    f.digest = sha256(bytes);
    f.account = account;
    f.agent = agent;
    return f;
  }
};

/// A server's receipt, as far as a vault looks into it.
inline Buffer receipt_by(char server, const Digest& snapshot, std::int64_t time_ns = 0) {
  wire::pb::Receipt receipt;
  receipt.set_server_id(std::string(ServerId::kSize, server));
  receipt.set_manifest_digest(snapshot.raw());
  receipt.set_time_ns(time_ns);
  wire::pb::SignedReceipt document;
  document.set_receipt(receipt.SerializeAsString());
  return to_buffer(as_bytes(document.SerializeAsString()));
}

/// Counts, so that a second receipt would differ from the first.
struct FakeReceipts final : ReceiptMaker {
  int made = 0;
  std::int64_t now_ns = 0;  ///< when they shall say a time
  std::int64_t time_ns() const override { return now_ns; }
  Buffer make(const AccountId&, const AgentId&, std::uint64_t sequence, const Digest& snapshot) override {
    if (now_ns != 0) return receipt_by('o', snapshot, now_ns);
    return to_buffer(as_bytes("receipt " + std::to_string(sequence) + " #" + std::to_string(++made)));
  }
};

/// Does work at once, but the first job only when it is let go.
struct LateWorkers final : Workers {
  std::size_t threads() const noexcept override { return 1; }
  task<void> run(Job& job) override {
    const bool late = armed;
    armed = false;
    while (late && !open) co_await gate.wait();
    job.work();
  }
  void let_go() {
    open = true;
    gate.wake_all();
  }
  bool armed = false, open = false;
  Waiters gate;
};

/// A loop in virtual time, a disk that can fail, a store on it, and one vault.
struct World {
  asio::io_context io;
  sim::SimTimers timers;
  InlineWorkers workers;
  SystemRandom random;
  sim::SimDisk disk;
  AccountId account;
  AgentId agent;
  VaultSettings settings;
  std::unique_ptr<DirectoryStore> store;
  std::unique_ptr<Vault> vault;
  FakeJudge judge;
  FakeReceipts receipts;

  World() {
    account.bytes.fill(0xaa);
    agent.bytes.fill(0xbb);
    judge.account = account;
    judge.agent = agent;
    settings.segment_target = 4096;
  }
  ~World() {
    try {
      close();
    } catch (const failure&) {
      // The disk may be without power.
    }
  }

  template <class T>
  T run(task<T> work) {
    return sim::run(io, timers, std::move(work));
  }
  template <class T>
  Errc error_of(task<T> work) {
    try {
      static_cast<void>(run(std::move(work)));
    } catch (const failure& f) {
      return classify(f.code());
    }
    return Errc{};
  }
  static Errc code_of(const std::exception_ptr& e) {
    try {
      std::rethrow_exception(e);
    } catch (const failure& f) {
      return classify(f.code());
    }
  }
  void open() {
    store = run(DirectoryStore::open(disk, workers, random, "/store"));
    vault = run(Vault::open(*store, disk, "/cache", account, agent, workers, timers, settings));
  }
  void close() {
    std::exception_ptr error;
    if (vault) {
      try {
        run(vault->close());
      } catch (...) {
        error = std::current_exception();
      }
    }
    vault.reset();
    store.reset();
    if (error) std::rethrow_exception(error);
  }
  void reopen() {
    close();
    open();
  }
  Buffer partner_receipt(std::uint64_t sequence, char server = 'a', std::int64_t time_ns = 0) {
    auto const rows = run(vault->snapshots(sequence - 1, 1));
    return receipt_by(server, rows.empty() ? Digest{} : rows[0].digest, time_ns);
  }
  /// Both servers have pushed it.
  void protect(std::uint64_t sequence, char server = 'a', std::int64_t time_ns = 0) {
    run(vault->note_pushed(sequence, partner_receipt(sequence, server, time_ns), true));
  }
  /// Puts and makes durable at once.
  void put(std::vector<Buffer> records) {
    put_later(std::move(records));
    run(vault->flush());
    settle();
  }
  /// Starts a put; put_results gets its end.
  void put_later(std::vector<Buffer> records, Vault::Haste haste = Vault::Haste::none) {
    auto place = put_results.size();
    put_results.emplace_back();
    Buffer body = join(records);
    asio::co_spawn(io, vault->put(std::move(body), Room{}, haste), [this, place](const std::exception_ptr& e) {
      put_results[place] = Errc{};
      try {
        if (e) std::rethrow_exception(e);
      } catch (const failure& f) {
        put_results[place] = classify(f.code());
      }
    });
    settle();
  }
  std::vector<std::optional<Errc>> put_results;
  /// Runs what can run without time passing.
  void settle() {
    io.restart();
    while (io.poll() > 0) io.restart();
  }

  CommitOutcome commit(const FakeManifest& m, bool mirror = false) { return run(vault->commit(m.bytes(), judge, receipts, mirror)); }
  Errc commit_error(const FakeManifest& m, bool mirror = false) { return error_of(vault->commit(m.bytes(), judge, receipts, mirror)); }

  bool has(const ObjectId& id) {
    std::vector<ObjectId> ids{id};
    return run(vault->have(ids))[0];
  }
  /// Record bytes by id, through get().
  struct Got {
    std::vector<Buffer> records;
    std::vector<ObjectId> missing;
  };
  Got get(const std::vector<ObjectId>& ids) {
    Got got;
    auto sink = [&](Buffer records) -> task<void> {
      auto views = split_records(records);
      REQUIRE(ok(views));
      for (const RecordView& v : *views) got.records.push_back(to_buffer(v.bytes()));
      co_return;
    };
    got.missing = run(vault->get(ids, sink));
    return got;
  }
};

/// A snapshot of `files` chunks below one leaf below a root.
struct SmallSnapshot {
  std::vector<Buffer> records;
  FakeManifest manifest;
  SmallSnapshot(std::uint64_t base, std::uint64_t sequence, Digest previous, std::size_t files = 3) {
    std::vector<std::uint64_t> chunks;
    for (std::uint64_t i = 0; i < files; ++i) chunks.push_back(base + 10 + i);
    for (std::uint64_t c : chunks) records.push_back(chunk(c));
    records.push_back(node(base + 1, chunks));
    records.push_back(node(base, {base + 1}));
    manifest.sequence = sequence;
    manifest.previous = previous;
    manifest.root = object(base);
  }
};

}  // namespace farkeep::test
