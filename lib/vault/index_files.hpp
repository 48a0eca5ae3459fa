#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "platform/disk.hpp"
#include "vault/index_table.hpp"

/// The files of an index cache: `index`, the list of tables, and `table-<number, 16 hex>`.  Blocking: for workers.  They throw what the
/// disk throws.
namespace farkeep::index_files {

using Tables = std::vector<std::shared_ptr<const IndexTable>>;

std::string table_path(const std::string& folder, std::uint64_t number);

struct CacheFolder {
  std::uint64_t highest_table = 0;  ///< of all that lie there, whether a list speaks of them or not
  std::optional<Buffer> list;
};
/// Makes the folder when there is none.
CacheFolder look_into(Disk* disk, std::string folder);

/// Durable, but for its name; that comes with the list.  Entries in any order.
std::shared_ptr<const IndexTable> write_table(Disk* disk, std::string path, std::vector<IndexEntry> entries);
/// Nothing when it was stopped.
std::shared_ptr<const IndexTable> write_merged(Disk* disk, std::string path, Tables tables, const std::atomic<bool>* stop);
void write_list(Disk* disk, std::string path, Buffer bytes);

void remove_files(Disk* disk, std::vector<std::string> paths);
/// Durably, and before any table of another make is written: never may it speak of one.
void remove_list(Disk* disk, std::string folder);
/// Temporary files too.
void remove_tables_but(Disk* disk, std::string folder, std::vector<std::string> kept);

}  // namespace farkeep::index_files
