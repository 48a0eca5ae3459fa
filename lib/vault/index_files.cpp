#include "vault/index_files.hpp"

#include <algorithm>
#include <charconv>

#include "base/log.hpp"
#include "platform/atomic_file.hpp"

namespace farkeep::index_files {
namespace {
constexpr std::size_t kMaxList = 64 * 1024;
constexpr std::string_view kTablePrefix = "table-";
}  // namespace

std::string table_path(const std::string& folder, std::uint64_t number) { return fmt::format("{}/{}{:016x}", folder, kTablePrefix, number); }

std::shared_ptr<const IndexTable> write_table(Disk* disk, std::string path, std::vector<IndexEntry> entries) {
  std::sort(entries.begin(), entries.end(), [](const IndexEntry& a, const IndexEntry& b) { return a.id < b.id; });
  IndexTableWriter writer{*disk, path, entries.size()};
  std::vector<Place> copies;
  for (std::size_t i = 0; i < entries.size();) {
    std::size_t end = i + 1;
    while (end < entries.size() && entries[end].id == entries[i].id) ++end;
    if (end == i + 1) {
      writer.add(entries[i]);
    } else {
      copies.clear();
      for (std::size_t k = i; k < end; ++k) copies.push_back(entries[k].place);
      put_in_order(copies);
      for (const Place& copy : copies) writer.add(IndexEntry{entries[i].id, copy});
    }
    i = end;
  }
  writer.finish();
  return IndexTable::open(*disk, path);
}

std::shared_ptr<const IndexTable> write_merged(Disk* disk, std::string path, Tables tables, const std::atomic<bool>* stop) {
  if (!merge_tables(*disk, std::move(tables), path, *stop)) return nullptr;
  return IndexTable::open(*disk, path);
}

void write_list(Disk* disk, std::string path, Buffer bytes) { write_file_atomically(*disk, path, bytes); }

CacheFolder look_into(Disk* disk, std::string folder) {
  disk->make_folders(folder);
  CacheFolder out;
  for (const std::string& name : disk->list(folder)) {
    if (!name.starts_with(kTablePrefix)) continue;
    std::uint64_t number = 0;
    std::from_chars(name.data() + kTablePrefix.size(), name.data() + name.size(), number, 16);
    out.highest_table = std::max(out.highest_table, number);
  }
  out.list = read_file(*disk, folder + "/index", kMaxList);
  return out;
}

void remove_files(Disk* disk, std::vector<std::string> paths) {
  for (const std::string& path : paths) disk->remove(path);
}

void remove_list(Disk* disk, std::string folder) {
  disk->remove(folder + "/index");
  disk->sync_folder(folder);
}

void remove_tables_but(Disk* disk, std::string folder, std::vector<std::string> kept) {
  for (const std::string& name : disk->list(folder)) {
    bool const ours = name.starts_with(kTablePrefix) || is_temporary_name(name);
    if (ours && std::find(kept.begin(), kept.end(), folder + '/' + name) == kept.end()) disk->remove(folder + '/' + name);
  }
}

}  // namespace farkeep::index_files
