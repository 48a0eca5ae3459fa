#include "platform/atomic_file.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "platform/printable.hpp"

namespace farkeep {
namespace {

constexpr std::string_view kSuffix = ".farkeep-tmp";
constexpr int kTries = 1000;  // leftovers of crashes and writers at this moment, all for one name: never near this

struct Temporary {
  std::string path;
  std::unique_ptr<DiskFile> file;
};

/// create_new is what makes the name unique, against other threads, other processes and leftovers alike.
Temporary make_temporary(Disk& disk, const std::string& path) {
  for (int i = 0;; ++i) {
    std::string name = path + std::string{kSuffix} + std::to_string(i);
    try {
      auto file = disk.open(name, Open::create_new);
      return {std::move(name), std::move(file)};
    } catch (const failure& f) {
      if (classify(f.code()) != Errc::exists || i == kTries) throw;
    }
  }
}

std::string folder_of(const std::string& path) {
  auto const slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

// 1. a temporary file, durable  2. its name becomes the name  3. so does that, durably
void write_file_atomically(Disk& disk, const std::string& path, ByteView bytes) {
  Temporary temporary = make_temporary(disk, path);
  try {
    temporary.file->append(bytes);
    temporary.file->sync();
    temporary.file.reset();
    disk.rename(temporary.path, path);
  } catch (...) {
    temporary.file.reset();
    try {
      disk.remove(temporary.path);
    } catch (const failure&) {
      // The first failure is the one to report.
    }
    throw;
  }
  disk.sync_folder(folder_of(path));
}

bool is_temporary_name(std::string_view name) {
  auto const at = name.rfind(kSuffix);
  if (at == std::string_view::npos) return false;
  auto const number = name.substr(at + kSuffix.size());
  return !number.empty() && std::all_of(number.begin(), number.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<Buffer> read_file(Disk& disk, const std::string& path, std::size_t limit) {
  std::unique_ptr<DiskFile> file;
  try {
    file = disk.open(path, Open::read);
  } catch (const failure& f) {
    if (classify(f.code()) == Errc::not_found) return std::nullopt;
    throw;
  }
  auto const too_large = [&] { throw failure(Errc::too_large, "reading " + printable(path)); };
  std::uint64_t const size = file->size();
  if (size > limit) too_large();
  Buffer out(static_cast<std::size_t>(size));
  out.resize(file->read_at(0, out));
  // One byte more than promised means that somebody is still writing it (or a pseudo file that claims to be empty).
  constexpr std::size_t kStep = 4096;
  for (;;) {
    std::size_t const had = out.size();
    out.resize(had + std::min(kStep, limit - had + 1));
    std::size_t const more = file->read_at(had, MutableByteView{out}.subspan(had));
    out.resize(had + more);
    if (out.size() > limit) too_large();
    if (more == 0) return out;
  }
}

}  // namespace farkeep
