#include "store/object_folder.hpp"

#include <algorithm>

#include "base/codec.hpp"
#include "base/error.hpp"
#include "base/hex.hpp"
#include "base/log.hpp"
#include "platform/atomic_file.hpp"

namespace farkeep {
namespace {

constexpr std::string_view kObject = ".obj";
constexpr std::size_t kSerial = 16;  // hex digits in a temporary name: p-<serial>-<name>

bool is_object_file(std::string_view name) { return name.ends_with(kObject); }

bool is_of_the_store(std::string_view folder, std::string_view name) {
  return folder.empty() && (name == "tmp" || name == "lock" || name.starts_with("store-id"));
}

void remove_quietly(Disk& disk, const std::string& path) {
  try {
    disk.remove(path);
  } catch (const failure& f) {
    log_warning("a temporary file of the store stays behind: {}", f.what());
  }
}

std::uint64_t random_number(Random& random) {
  Buffer bytes(8);
  random.fill(bytes);
  return Reader{bytes}.number<std::uint64_t>();
}

}  // namespace

// 1. alone?  2. does the disk do what we rely on?  3. who are we?  4. what did a crash leave?
ObjectFolder::ObjectFolder(Disk& disk, Random& random, std::string root)
    : disk_(disk), root_(std::move(root)), next_temporary_(random_number(random)) {
  disk_.make_folders(root_ + "/tmp");
  lock_ = disk_.lock(root_ + "/lock");
  if (!lock_) throw failure(Errc::busy, "opening the store: another process uses it");
  try_the_disk();
  id_ = read_or_make_id(random);
  sort_out_temporaries();
}

// A file system that does not sync or rename says so now, not after the first promise.
void ObjectFolder::try_the_disk() {
  const std::string probe = root_ + "/tmp/probe", renamed = root_ + "/tmp/probe-renamed";
  disk_.remove(probe);
  disk_.remove(renamed);
  {
    auto file = disk_.open(probe, Open::create_new);
    const std::string text = "written to see whether this file system keeps its promises\n";
    file->append(as_bytes(text));
    file->sync();
  }
  bool const moved = disk_.rename_new(probe, renamed);
  disk_.sync_folder(root_ + "/tmp");
  bool const whole = disk_.exists(renamed) && !disk_.exists(probe);
  disk_.remove(renamed);
  if (!moved || !whole) throw failure(Errc::io, "opening the store: its file system does not rename as it must");
}

StoreId ObjectFolder::read_or_make_id(Random& random) {
  const std::string path = root_ + "/store-id";
  if (auto text = read_file(disk_, path, 4096)) {
    std::string_view digits = as_text(*text);
    if (!digits.empty() && digits.back() == '\n') digits.remove_suffix(1);
    auto known = StoreId::from_hex(digits);
    if (!known) throw failure(Errc::damaged, "reading the store's id");
    return *known;
  }
  auto made = random.id<StoreId>();
  write_file_atomically(disk_, path, as_bytes(made.hex() + "\n"));
  return made;
}

void ObjectFolder::sort_out_temporaries() {
  for (const std::string& file : disk_.list(root_ + "/tmp")) {
    const std::string path = root_ + "/tmp/" + file;
    if (file.size() <= kSerial + 3 || !file.starts_with("u-")) {
      disk_.remove(path);
      continue;
    }
    std::string name = file.substr(kSerial + 3);
    std::replace(name.begin(), name.end(), '+', '/');
    // Two unfinished uploads of one name: somebody tried again.  The later one is as good a guess as the earlier.
    auto [at, fresh] = leftover_.try_emplace(std::move(name), path);
    if (!fresh) disk_.remove(path);
  }
}

std::string ObjectFolder::temporary_path(const char* kind, std::string name) {
  std::replace(name.begin(), name.end(), '/', '+');
  Buffer serial;
  Writer{serial}.number(next_temporary_++);
  return root_ + "/tmp/" + kind + '-' + hex(serial) + '-' + name;
}

void ObjectFolder::refuse_if_broken() const {
  if (broken_) throw failure(Errc::io, "writing to a store after a folder could not be synced; restart to go on");
}

// A process that was killed may have given a name and not synced it: the next one must not promise anything because of it.
void ObjectFolder::settle(const std::string& folder) {
  std::lock_guard hold{mutex_};
  if (settled_.contains(folder)) return;
  sync_names(root_ + '/' + folder);
  settled_.insert(folder);
}

bool ObjectFolder::in_doubt(const std::string& name) {
  if (!broken_) return false;
  std::lock_guard hold{mutex_};
  return doubtful_.contains(name);
}

// All above it is synced too, once per run: a process that was killed may have made a folder and not synced its parent.
void ObjectFolder::ready_folder_of(const std::string& name) {
  auto slash = name.rfind('/');
  if (slash == std::string::npos) return;
  const std::string folder = name.substr(0, slash);
  std::lock_guard hold{mutex_};
  if (ready_.contains(folder)) return;
  disk_.make_folders(root_ + '/' + folder);
  sync_names(root_);
  for (auto at = folder.find('/'); at != std::string::npos; at = folder.find('/', at + 1))
    sync_names(root_ + '/' + folder.substr(0, at));
  ready_.insert(folder);
}

void ObjectFolder::sync_names(const std::string& path) {
  try {
    disk_.sync_folder(path);
  } catch (...) {
    broken_ = true;
    throw;
  }
}

ObjectFolder::Unfinished::Unfinished(ObjectFolder& folder, std::string name, const char* kind)
    : folder_(folder), name_(std::move(name)), path_(folder.temporary_path(kind, name_)) {
  folder_.refuse_if_broken();
  file_ = folder_.disk_.open(path_, Open::create_new);
}

ObjectFolder::Unfinished::~Unfinished() {
  file_.reset();
  if (!path_.empty()) remove_quietly(folder_.disk_, path_);
}

void ObjectFolder::Unfinished::append(ByteView bytes) {
  folder_.refuse_if_broken();
  file_->append(bytes);
}

bool ObjectFolder::Unfinished::finish() {
  folder_.refuse_if_broken();
  folder_.ready_folder_of(name_);
  file_->sync();
  const std::string target = folder_.path_of(name_);
  bool const made = folder_.disk_.rename_new(path_, target);
  if (made) path_.clear();
  // Also when the name was there: whoever hears so may rely on it, and the one who made it may not have come this far.
  auto const slash = target.rfind('/');
  try {
    folder_.sync_names(target.substr(0, slash));
  } catch (...) {
    std::lock_guard hold{folder_.mutex_};
    if (made) folder_.doubtful_.insert(name_);
    throw;
  }
  return made;
}

bool ObjectFolder::put_new(const std::string& name, const Buffer& body) {
  Unfinished file{*this, name, "p"};
  file.append(body);
  return file.finish();
}

std::optional<Buffer> ObjectFolder::get(const std::string& name) {
  if (in_doubt(name)) return std::nullopt;
  return read_file(disk_, path_of(name), kMaxObject);
}

Buffer ObjectFolder::get_range(const std::string& name, std::uint64_t offset, std::size_t size, Buffer out) {
  if (in_doubt(name)) throw failure(Errc::not_found, "reading an object whose name could not be synced");
  auto file = disk_.open(path_of(name), Open::read);
  out.resize(size);
  out.resize(file->read_at(offset, out));
  return out;
}

std::vector<ObjectInfo> ObjectFolder::list(const std::string& folder) {
  std::vector<ObjectInfo> found;
  list_into(folder, found);
  std::sort(found.begin(), found.end(), [](const ObjectInfo& a, const ObjectInfo& b) { return a.name < b.name; });
  return found;
}

void ObjectFolder::list_into(const std::string& folder, std::vector<ObjectInfo>& found) {
  std::vector<std::string> below;
  std::size_t const before = found.size();
  for (const std::string& file : disk_.list(root_ + '/' + folder)) {
    if (!is_object_file(file)) {
      if (!is_of_the_store(folder, file)) below.push_back(folder + file + '/');
      continue;
    }
    std::string name = folder + file.substr(0, file.size() - kObject.size());
    if (!in_doubt(name)) found.push_back(ObjectInfo{std::move(name), disk_.open(root_ + '/' + folder + file, Open::read)->size()});
  }
  // The names were read before: all of them are synced after this.
  if (found.size() > before) settle(folder);
  for (const std::string& next : below) list_into(next, found);
}

std::vector<std::string> ObjectFolder::list_folders(const std::string& folder) {
  std::vector<std::string> found;
  for (std::string& name : disk_.list(root_ + '/' + folder))
    if (!is_object_file(name) && !is_of_the_store(folder, name)) found.push_back(std::move(name));
  return found;
}

void ObjectFolder::remove(const std::string& name) {
  refuse_if_broken();
  const std::string path = path_of(name);
  if (!disk_.exists(path)) return;
  disk_.remove(path);
  sync_names(path.substr(0, path.rfind('/')));
}

std::vector<ObjectInfo> ObjectFolder::leftovers(const std::string& folder) {
  std::lock_guard hold{mutex_};
  std::vector<ObjectInfo> found;
  for (const auto& [name, path] : leftover_)
    if (name.starts_with(folder)) found.push_back(ObjectInfo{name, disk_.open(path, Open::read)->size()});
  return found;
}

std::optional<Buffer> ObjectFolder::get_leftover(const std::string& name) {
  std::lock_guard hold{mutex_};
  auto at = leftover_.find(name);
  if (at == leftover_.end()) return std::nullopt;
  return read_file(disk_, at->second, kMaxObject);
}

void ObjectFolder::discard_leftover(const std::string& name) {
  std::lock_guard hold{mutex_};
  auto at = leftover_.find(name);
  if (at == leftover_.end()) return;
  disk_.remove(at->second);
  leftover_.erase(at);
}

}  // namespace farkeep
