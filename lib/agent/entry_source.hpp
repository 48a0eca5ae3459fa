#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/journal.hpp"
#include "agent/node_loader.hpp"
#include "archive/catalog_stream.hpp"
#include "async/task.hpp"
#include "async/workers.hpp"

namespace farkeep {

/// Entries in catalog order that may be compared with what is on disk now.
class EntrySource {
 public:
  virtual ~EntrySource() = default;
  enum class Took { found, absent, need_more };
  /// Skips what sorts before `path` and takes the entry for `path` into `entry`, if there is one.  need_more: refill(), then ask again.
  /// No coroutine: it is called for every path on disk.
  Took take(const std::string& path, Entry& entry);
  /// Brings more entries, or comes to the end.
  virtual task<void> refill() = 0;
  /// The server is known to have all that these entries refer to.
  virtual bool trusted() const = 0;

 protected:
  std::deque<Entry> ready_;
  bool ended_ = false;
};

/// The catalog of the job's last snapshot.  A hint like any other: where a node is neither in the cache nor on this server (which may lag
/// behind its partner), or is damaged, the source ends, and what follows is read again.
class CatalogSource final : public EntrySource {
 public:
  /// `seen` is told the id of every node that comes by.
  CatalogSource(const ObjectId& root, NodeLoader& nodes, bool trusted, std::function<void(const ObjectId&)> seen);
  task<void> refill() override;
  bool trusted() const override { return trusted_; }

 private:
  NodeLoader& nodes_;
  CatalogStream stream_;
  const bool trusted_;
  std::function<void(const ObjectId&)> seen_;
};

/// What an interrupted run left.
class JournalSource final : public EntrySource {
 public:
  JournalSource(std::unique_ptr<JournalReader> reader, Workers& workers);
  task<void> refill() override;
  bool trusted() const override { return false; }

 private:
  std::unique_ptr<JournalReader> reader_;
  Workers& workers_;
};

}  // namespace farkeep
