#include "store/object_folder.hpp"

#include <algorithm>

#include "base/codec.hpp"
#include "base/error.hpp"
#include "base/hex.hpp"
#include "base/log.hpp"
#include "crypto/digest.hpp"
#include "platform/atomic_file.hpp"
#include "platform/printable.hpp"

namespace farkeep {
namespace {

constexpr std::string_view kObject = ".obj";
constexpr std::size_t kSerial = 16;  // hex digits in a temporary name: p-<serial>-<name>
constexpr std::size_t kIdCheck = 16;  // hex digits of a checksum: 64 bits
// What a temporary file is for: a crash leaves uploads to be looked at, other objects not.
constexpr const char* kUpload = "u";
constexpr const char* kPut = "p";

bool is_object_file(std::string_view name) { return name.ends_with(kObject); }


struct StoredId {
  StoreId id;
  bool checked;
};

std::string store_id_text(const StoreId& id) { return id.hex() + ' ' + sha256(as_bytes(id.hex())).hex().substr(0, kIdCheck) + '\n'; }

std::optional<StoredId> parse_store_id(std::string_view text) {
  auto const id = StoreId::from_hex(text.substr(0, std::min(text.size(), 2 * StoreId::kSize)));
  if (!id) return std::nullopt;
  if (text == store_id_text(*id)) return StoredId{*id, true};
  if (text == id->hex() + '\n' || text == id->hex()) return StoredId{*id, false};
  return std::nullopt;
}

std::uint64_t random_number(Random& random) {
  Buffer bytes(8);
  random.fill(bytes);
  return Reader{bytes}.number<std::uint64_t>();
}

}  // namespace

// 1. alone?  2. does the disk do what we rely on?  3. who are we?  4. what did a crash leave?
ObjectFolder::ObjectFolder(Disk& disk, Random& random, std::string root, std::uint64_t disk_size)
    : disk_(disk), root_(std::move(root)), disk_size_(disk_size), reserve_(disk_reserve(disk_size)), next_temporary_(random_number(random)) {
  disk_.make_folders(root_ + "/tmp");
  lock_ = disk_.lock(root_ + "/lock");
  if (!lock_) throw failure(Errc::busy, "opening the store: another process uses it");
  bool const is_new = !disk_.exists(root_ + "/store-id") && !disk_.exists(root_ + "/store-id.copy");
  try {
    try_the_disk();
  } catch (const failure& f) {
    if (is_new) throw;
    hold(f);  // what is here can be restored
  }
  id_ = read_or_make_id(random, is_new);
  sort_out_temporaries();
}

// Two files, each with its own checksum.  One that is bad is written anew from the other.
StoreId ObjectFolder::read_or_make_id(Random& random, bool is_new) {
  const std::array<std::string, 2> files{root_ + "/store-id", root_ + "/store-id.copy"};
  std::array<std::optional<StoredId>, 2> found;
  for (std::size_t i = 0; i < files.size(); ++i)
    if (auto text = read_file(disk_, files[i], 4096)) found[i] = parse_store_id(as_text(*text));
  // One without a checksum is of version 1, and counts where there is no better.
  std::optional<StoreId> known;
  for (auto const& one : found)
    if (one && one->checked) known = one->id;
  if (!known && found[0]) known = found[0]->id;
  if (!known && !is_new)
    throw failure(Errc::damaged, "reading the store's id: " + files[0] + " and its copy are damaged; restore one of them from a backup of the data folder");
  StoreId const id = known ? *known : random.id<StoreId>();
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (found[i] && found[i]->checked && found[i]->id == id) continue;
    try {
      write_file_atomically(disk_, files[i], as_bytes(store_id_text(id)));
      if (!is_new) log_warning("{} was missing, damaged or without a checksum, and is written anew", printable(files[i]));
    } catch (const failure& f) {
      if (is_new) throw;
      log_warning("the store's id cannot be written anew: {}", f.what());
    }
  }
  return id;
}

void ObjectFolder::sort_out_temporaries() {
  for (const std::string& file : disk_.list(root_ + "/tmp")) {
    const std::string path = root_ + "/tmp/" + file;
    if (file.size() <= kSerial + 3 || !file.starts_with("u-")) {
      remove_quietly(path);
      continue;
    }
    std::string name = file.substr(kSerial + 3);
    std::replace(name.begin(), name.end(), '+', '/');
    // Two unfinished uploads of one name: somebody tried again.  The later one is as good a guess as the earlier.
    auto [at, fresh] = leftover_.try_emplace(std::move(name), path);
    if (!fresh) remove_quietly(path);
  }
}

std::string ObjectFolder::temporary_path(const char* kind, std::string name) {
  std::replace(name.begin(), name.end(), '/', '+');
  Buffer serial;
  Writer{serial}.number(next_temporary_++);
  return root_ + "/tmp/" + kind + '-' + hex(serial) + '-' + name;
}

// ---- names that last

// A process that was killed may have given a name and not synced it: this one must not promise anything because of it.
void ObjectFolder::settle(const std::string& folder, const std::string& newest) {
  const std::string path = root_ + '/' + folder.substr(0, folder.empty() ? 0 : folder.size() - 1);
  std::lock_guard alone{lock_of(path)};
  {
    std::lock_guard guard{mutex_};
    if (settled_.contains(folder)) return;
  }
  try {
    disk_.sync_folder(path);
  } catch (const failure& f) {
    log_error("the last name in a folder of the store may not last, and is written anew: {}", f.what());
    settle_anew(newest);
  }
  std::lock_guard guard{mutex_};
  settled_.insert(folder);
}

void ObjectFolder::settle_anew(const std::string& newest) {
  try {
    write_anew_alone(newest);
  } catch (const failure& f) {
    hold(f, &unsettled_, newest);
  }
}

// The name, never over another, and its sync; without the sync not even the name.
bool ObjectFolder::give_name(const std::string& temporary, const std::string& name) {
  const std::string path = path_of(name), folder = folder_of(path);
  std::lock_guard alone{lock_of(folder)};
  bool const made = disk_.rename_new(temporary, path);
  try {
    // Also when the name was there: whoever hears so may rely on it, and the one who made it may not have come this far.
    disk_.sync_folder(folder);
    return made;
  } catch (const failure& f) {
    bool gone = false;
    if (made) {
      remove_quietly(path);
      gone = !disk_.exists(path);
    }
    if (!gone) hold(f, made ? &doubtful_ : &unsettled_, name);
    throw;
  }
}

// Over what has it.  Without the sync either of them may be there after a power loss; whoever reads meanwhile meets the new one.
void ObjectFolder::take_over_name(const std::string& temporary, const std::string& name) {
  const std::string path = path_of(name), folder = folder_of(path);
  std::lock_guard alone{lock_of(folder)};
  disk_.rename(temporary, path);
  try {
    disk_.sync_folder(folder);
  } catch (const failure& f) {
    hold(f, &unsettled_, name);
    throw;
  }
}

// All above it is synced too, once per run: a process that was killed may have made a folder and not synced its parent.
// A folder that holds something was synced before that got its name, so only empty ones are in doubt.
void ObjectFolder::ready_folder_of(const std::string& name) {
  auto slash = name.rfind('/');
  if (slash == std::string::npos) return;
  const std::string folder = name.substr(0, slash);
  std::lock_guard alone{making_};
  if (ready_.contains(folder)) return;
  try {
    make_and_sync(folder);
  } catch (...) {
    undo_empty_folders(folder);
    throw;
  }
  ready_.insert(folder);
}

void ObjectFolder::make_and_sync(const std::string& folder) {
  disk_.make_folders(root_ + '/' + folder);
  auto const sync = [this](const std::string& path) {
    std::lock_guard alone{lock_of(path)};
    disk_.sync_folder(path);
  };
  sync(root_);
  for (auto at = folder.find('/'); at != std::string::npos; at = folder.find('/', at + 1)) sync(root_ + '/' + folder.substr(0, at));
}

void ObjectFolder::undo_empty_folders(std::string folder) {
  for (;;) {
    const std::string path = root_ + '/' + folder;
    try {
      if (!disk_.list(path).empty()) return;
      if (disk_.exists(path)) disk_.remove_tree(path);
    } catch (const failure& f) {
      hold(f, &doubtful_folders_, path);
    }
    auto const slash = folder.rfind('/');
    if (slash == std::string::npos) return;
    folder.resize(slash);
  }
}

// ---- writing

ObjectFolder::Unfinished::Unfinished(ObjectFolder& folder, std::string name, const char* kind)
    : folder_(folder), name_(std::move(name)), path_(folder.temporary_path(kind, name_)), is_data_(*kind == *kUpload) {
  folder_.refuse_without_room(is_data_ ? Room::for_data : Room::for_small);
  file_ = folder_.disk_.open(path_, Open::create_new);
}

ObjectFolder::Unfinished::~Unfinished() {
  file_.reset();
  if (!path_.empty()) folder_.remove_quietly(path_);
}

void ObjectFolder::Unfinished::append(ByteView bytes) {
  if (is_data_) folder_.refuse_without_room(Room::for_data);
  file_->append(bytes);
}

void ObjectFolder::Unfinished::make_ready() {
  folder_.refuse_if_held();
  folder_.ready_folder_of(name_);
  file_->sync();
}

bool ObjectFolder::Unfinished::finish() {
  make_ready();
  bool const made = folder_.give_name(path_, name_);
  if (made) path_.clear();
  return made;
}

void ObjectFolder::Unfinished::replace() {
  make_ready();
  folder_.take_over_name(path_, name_);
  path_.clear();
}

bool ObjectFolder::put_new(const std::string& name, const Buffer& body) {
  Unfinished file{*this, name, kPut};
  file.append(body);
  return file.finish();
}

void ObjectFolder::replace(const std::string& name, const Buffer& body) {
  Unfinished file{*this, name, kPut};
  file.append(body);
  file.replace();
}

// What has an object's name and is no file (a folder, a pipe, a link that leads nowhere) is an object that holds nothing: damaged for whoever reads it, and its name is
// not free.  Asked for when an object could not be read: it costs nothing as long as all is well.
bool ObjectFolder::is_no_file(const std::string& name) {
  const std::string path = path_of(name);
  const What::Kind kind = disk_.what_is(path).kind;
  if (kind == What::Kind::file || (kind == What::Kind::nothing && !disk_.exists(path))) return false;
  constexpr std::size_t kTold = 100;
  std::lock_guard guard{mutex_};
  if (odd_.size() < kTold && odd_.insert(name).second)
    log_error("{} is no file: what was stored under that name is lost here (remove it, or move it away; the partner brings the object again)", printable(path));
  return true;
}

// No more than the file says that it has: a device gives without an end.
Buffer ObjectFolder::read(const std::string& name, std::uint64_t offset, std::size_t most, Buffer out) {
  try {
    auto file = disk_.open(path_of(name), Open::read);
    std::uint64_t const size = file->size();
    if (size > kMaxObject) throw failure(Errc::too_large, "reading " + printable(path_of(name)));
    out.resize(static_cast<std::size_t>(std::min<std::uint64_t>(most, size - std::min(offset, size))));
    out.resize(file->read_at(offset, out));
    return out;
  } catch (const failure&) {
    if (!is_no_file(name)) throw;
    return {};
  }
}

std::optional<Buffer> ObjectFolder::get(const std::string& name) {
  if (in_doubt(name)) return std::nullopt;
  try {
    return read(name, 0, kMaxObject, {});
  } catch (const failure& f) {
    if (classify(f.code()) != Errc::not_found) throw;
    return std::nullopt;
  }
}

Buffer ObjectFolder::get_range(const std::string& name, std::uint64_t offset, std::size_t size, Buffer out) {
  if (in_doubt(name)) throw failure(Errc::not_found, "reading an object whose name could not be synced");
  return read(name, offset, size, std::move(out));
}

std::vector<ObjectInfo> ObjectFolder::list(const std::string& folder) {
  std::vector<ObjectInfo> found;
  list_into(folder, found);
  std::sort(found.begin(), found.end(), [](const ObjectInfo& a, const ObjectInfo& b) { return a.name < b.name; });
  return found;
}

void ObjectFolder::list_into(const std::string& folder, std::vector<ObjectInfo>& found) {
  std::vector<std::string> below;
  std::string newest;
  for (const std::string& file : disk_.list(root_ + '/' + folder)) {
    if (!is_object_file(file)) {
      if (is_folder_of_the_store(folder, file)) below.push_back(folder + file + '/');
      continue;
    }
    std::string name = folder + file.substr(0, file.size() - kObject.size());
    if (!is_object_name(name) || in_doubt(name)) continue;
    const What what = disk_.what_is(path_of(name));
    if (what.kind == What::Kind::file) newest = name;
    else if (!is_no_file(name)) continue;  // it went meanwhile
    found.push_back(ObjectInfo{std::move(name), what.size});
  }
  // The names were read before: all of them are synced after this.
  if (!newest.empty()) settle(folder, newest);
  for (const std::string& next : below) list_into(next, found);
}

// Not lost+found, nor what programs that copy files leave behind.
bool ObjectFolder::is_folder_of_the_store(const std::string& folder, const std::string& name) {
  const bool own = folder.empty() && (name == "tmp" || name == "lock" || name.starts_with("store-id"));
  return !own && !is_object_file(name) && is_object_name(folder + name) && disk_.what_is(root_ + '/' + folder + name).kind == What::Kind::folder;
}

std::vector<std::string> ObjectFolder::list_folders(const std::string& folder) {
  std::vector<std::string> found;
  for (std::string& name : disk_.list(root_ + '/' + folder))
    if (is_folder_of_the_store(folder, name)) found.push_back(std::move(name));
  return found;
}

void ObjectFolder::remove(const std::string& name) {
  refuse_if_held();
  const std::string path = path_of(name), folder = folder_of(path);
  std::lock_guard alone{lock_of(folder)};
  if (!disk_.exists(path)) return;
  disk_.remove(path);
  try {
    disk_.sync_folder(folder);
  } catch (const failure& f) {
    hold(f, &doubtful_, name);
    throw;
  }
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
