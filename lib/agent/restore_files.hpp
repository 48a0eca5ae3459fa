#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "agent/content.hpp"
#include "agent/fetcher.hpp"
#include "archive/entry.hpp"
#include "async/waiters.hpp"
#include "base/error.hpp"
#include "platform/target_tree.hpp"

/// What a restore does to files and folders, on workers: the walk over the catalog (restore.cpp) puts units of it together.
namespace farkeep::restoring {

struct FileOp {
  Entry entry;
  std::shared_ptr<TargetFolder> folder;
  std::string name;
  std::uint64_t number = 0;  // in the order of the catalog
  bool finished = false;     // by an earlier attempt
  std::optional<Digest> link = {};  // link_identity() of the entry
};
struct FolderOp {
  Entry entry;
  std::shared_ptr<TargetFolder> folder;
  bool finished = false;
};
struct LinkTarget {
  std::shared_ptr<TargetFolder> folder;
  std::string name;
  FileIdentity identity;
};

using LinkTargets = std::unordered_map<Digest, LinkTarget>;

struct Written {
  std::uint64_t files = 0, others = 0, bytes = 0, not_applied = 0, left_out = 0;
  std::vector<std::string> problems;
  std::vector<std::pair<Digest, LinkTarget>> linkable;
  std::vector<std::uint64_t> numbers;  // of the entries that it is about

  /// The further names of a file lead to the one that was kept, if it is that file.
  void keeps_for_links(const FileOp& op, const TargetPlan& plan);
  void problem(const std::string& path, const std::string& text);
  void applied(const std::string& path, const NotApplied& missing);
};

// A unit of work: written in any order, finished (links, folder times) in the order of the catalog.
struct Unit {
  std::vector<FileOp> files;
  std::vector<FileOp> links;
  std::vector<FolderOp> folders_done;
  std::size_t bytes = 0;
  std::uint64_t up_to = 0;  // number of the last entry in it
  Written written;
  bool done = false;
  Waiters finished;
};

struct LargeFile {
  std::unique_ptr<TargetFile> file;
  std::unique_ptr<ContentWriter> content;
  TargetPlan plan;
};

EntryStat stat_of(const Entry& entry);
/// Whether what is there stays.
bool keeps(const TargetPlan& plan);
/// A full disk or a lost connection ends the restore; a single file's trouble does not.
bool ends_restore(const failure& f);

/// All of a unit's files but links and the times of folders.  What is finished stands in the unit, also when a failure or the restore's end keeps the rest from being done.
void write_unit(std::shared_ptr<Unit> unit, std::shared_ptr<ObjectSet> objects);
/// Links and folders, when all that comes before them is written.
Written finish_unit(Unit* unit, LinkTargets* targets);

// A file that is fetched and written in pieces.
LargeFile open_large(const FileOp* op);
void write_piece(ContentWriter* content, ContentPiece piece);
NotApplied finish_large(LargeFile* large, const FileOp* op);

}  // namespace farkeep::restoring
