#include "agent/root_fit.hpp"

#include <algorithm>

#include "agent/snapshots.hpp"
#include "archive/envelope_record.hpp"
#include "archive/manifest.hpp"
#include "base/error.hpp"
#include "base/limits.hpp"
#include "crypto/envelope.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kMostOld = 8;                                // statements of format 1 whose envelopes are asked for
constexpr std::size_t kMostEnvelopeBytes = 2 * limits::kMaxRecord;  // theirs have a few hundred

class FitLook {
 public:
  FitLook(VaultPort& vault, FitTrust trust, std::vector<RootFit*> keys) : vault_(vault), trust_(std::move(trust)), keys_(std::move(keys)) {}

  task<bool> run() {
    const std::uint64_t head = vault_.facts().head;
    if (head > 0 && head <= kLastSequence) (void)co_await judge_page(head - 1);
    // Of several keys more than one may fit, and then the oldest statement says most.
    bool enough = found_ && keys_.size() == 1;
    std::uint64_t after = 0;
    for (int page = 0; page < kMostFitPages && !enough; ++page) {
      const Page read = co_await judge_page(after);
      if (read.last == after) break;
      after = read.last;
      enough = read.fits;
    }
    if (!found_ && !old_.empty()) co_await judge_old();
    co_return shown_;
  }

 private:
  struct Page {
    std::uint64_t last;  // the number of its last statement
    bool fits = false;
  };
  task<Page> judge_page(std::uint64_t after) {
    Page out{after};
    const std::vector<RemoteSnapshot> rows = co_await vault_.snapshots(after);
    for (auto& row : rows) {
      auto m = Manifest::parse(row.manifest);
      if (!m) throw failure(Errc::protocol, "looking for what this agent has saved: " + vault_.server() + " sent a statement that cannot be read (" + m.error().message() + ")");
      if (m->statement().sequence <= out.last) throw failure(Errc::protocol, "looking for what this agent has saved: " + vault_.server() + " sent statements out of order");
      out.last = m->statement().sequence;
      if (m->statement().account != trust_.owner.account || m->statement().agent != trust_.owner.agent) continue;
      if (m->format() == StatementFormat::bound) {
        shown_ = true;
        for (RootFit* key : keys_) {
          if (!m->is_bound_by(*key->ring)) continue;
          out.fits = true;
          found(*key, *m, row);
        }
      } else if (old_.size() < kMostOld) {
        old_.push_back(Old{row, std::move(*m)});
      }
    }
    co_return out;
  }

  void found(RootFit& key, const Manifest& m, const RemoteSnapshot& row) {
    found_ = true;
    key.fits_at.insert(vault_.server_id());
    key.is_protected = key.is_protected || (trust_.roots && proves_protection(row, m.snapshot_id(), *trust_.roots, trust_.pair));
    key.first = key.first == 0 ? m.statement().sequence : std::min(key.first, m.statement().sequence);
  }

  // An envelope that is missing or does not open speaks against no key: it may have rotted.
  task<void> judge_old() {
    std::vector<ObjectId> ids;
    for (auto& old : old_) ids.push_back(envelope_id(old.manifest.statement().session));
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    std::size_t left = kMostEnvelopeBytes;
    VaultPort::Sink sink = [&](Buffer records) -> task<void> {
      if (records.size() > left) throw failure(Errc::protocol, "reading key envelopes from " + vault_.server() + ": it sent more than they have");
      left -= records.size();
      const auto views = value_or_throw(split_records(records), "reading key envelopes from " + vault_.server());
      for (auto& v : views) judge_envelope(v);
      co_return;
    };
    co_await vault_.get(std::move(ids), std::move(sink));
  }
  void judge_envelope(const RecordView& record) {
    const auto envelope = envelope_of(record);
    if (!envelope) return;
    for (RootFit* key : keys_) {
      const auto session_key = open_envelope(*envelope, record.session(), key->ring->wrap_key());
      if (!session_key) continue;
      for (auto& old : old_)
        if (old.manifest.statement().session == record.session() && old.manifest.open_details(*session_key)) found(*key, old.manifest, old.row);
    }
  }

  struct Old {
    RemoteSnapshot row;
    Manifest manifest;
  };
  VaultPort& vault_;
  const FitTrust trust_;
  const std::vector<RootFit*> keys_;
  bool shown_ = false, found_ = false;
  std::vector<Old> old_;
};

}  // namespace

task<bool> look_for_fit(VaultPort& vault, FitTrust trust, std::vector<RootFit*> keys) {
  FitLook look(vault, std::move(trust), std::move(keys));
  co_return co_await look.run();
}

}  // namespace farkeep
