#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "archive/record_codec.hpp"
#include "base/id.hpp"
#include "platform/disk.hpp"

namespace farkeep {

/// The nodes of a job's newest catalog on the agent's own disk, so that the next run compares without asking a server.
///
/// A cache: missing, damaged or of another root, it is ignored and the nodes come from a server.  One file:
///   frames { id 32, message size u32, references u32, message, references 32 each } …
///   footer { id 32, offset u64 } …    trailer { root 32, footer offset u64, nodes u32, SHA-256 of footer and the 44 bytes before }
/// Whoever reads a node checks its id, so a damaged frame is noticed where it is used.
class CatalogCacheWriter {
 public:
  CatalogCacheWriter(Disk& disk, std::string path);
  ~CatalogCacheWriter();  ///< without finish(): nothing stays

  void add(const NodePlainOwned& node);
  /// Makes the file visible under its name in the place of the older one.
  void finish(const ObjectId& root);

 private:
  void flush();

  Disk& disk_;
  std::string path_;
  std::unique_ptr<DiskFile> file_;
  Buffer pending_;
  std::uint64_t written_ = 0;
  std::vector<std::pair<ObjectId, std::uint64_t>> index_;
};

class CatalogCache {
 public:
  /// The cache at `path` if it is whole and of this root.
  static std::unique_ptr<CatalogCache> open(Disk& disk, const std::string& path, const ObjectId& root);

  /// A node, or nothing if it is not here or its frame does not make sense.
  std::optional<NodePlainOwned> read(const ObjectId& id);

 private:
  std::unique_ptr<DiskFile> file_;
  std::unordered_map<ObjectId, std::uint64_t> index_;
};

}  // namespace farkeep
