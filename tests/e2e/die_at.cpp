// Preloaded into a program: kills it (as kill -9 and the power would) right after its Nth change of the disk that counts, N = $DIE_AT.
// What counts is what a crash between could be seen by: a sync, a rename, a removal.
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <atomic>

namespace {

std::atomic<long> done{0};

void count() {
  const char* at = ::getenv("DIE_AT");
  if (at && ++done == ::atol(at)) ::kill(::getpid(), SIGKILL);
}

template <class Function, class... Args>
int pass_on(const char* name, Function*, Args... args) {
  const int result = reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name))(args...);
  count();
  return result;
}

}  // namespace

extern "C" {
int fsync(int fd) { return pass_on("fsync", &fsync, fd); }
int fdatasync(int fd) { return pass_on("fdatasync", &fdatasync, fd); }
int rename(const char* from, const char* to) noexcept { return pass_on("rename", &rename, from, to); }
int renameat2(int a, const char* from, int b, const char* to, unsigned flags) noexcept { return pass_on("renameat2", &renameat2, a, from, b, to, flags); }
int unlink(const char* path) noexcept { return pass_on("unlink", &unlink, path); }
}
