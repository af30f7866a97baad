// Stands in for /dev/dri/renderD128 of an Intel GPU, so that Mesa's driver opens it and compiles.
// Preloaded. DEVICE_ID is the GPU's PCI number. Nothing is computed.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <libdrm/drm.h>
#include <libdrm/i915_drm.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <xf86drm.h>

#define NODE "/dev/dri/renderD128"
#define BYTES (1ll << 38)

static int fakes[64];
static int fake_count;

static int is_fake(int file) {
  for (int i = 0; i < fake_count; i++)
    if (fakes[i] == file) return 1;
  return 0;
}

static int is_node(const char *path) { return path && !strncmp(path, "/dev/dri/", 9); }

static int open_fake(void) {
  int file = syscall(SYS_memfd_create, "gpu", MFD_CLOEXEC);
  if (fake_count == 64 || ftruncate(file, BYTES)) return -1;
  return fakes[fake_count++] = file;
}

static int device_id(void) {
  const char *id = getenv("DEVICE_ID");
  return id ? strtoul(id, 0, 0) : 0x9a49;
}

int open64(const char *path, int flags, ...) {
  if (is_node(path)) return open_fake();
  va_list rest;
  va_start(rest, flags);
  int mode = va_arg(rest, int);
  va_end(rest);
  return syscall(SYS_openat, AT_FDCWD, path, flags | O_LARGEFILE, mode);
}

int open(const char *path, int flags, ...) {
  if (is_node(path)) return open_fake();
  va_list rest;
  va_start(rest, flags);
  int mode = va_arg(rest, int);
  va_end(rest);
  return syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

static int describe_node(struct stat64 *out) {
  memset(out, 0, sizeof *out);
  out->st_mode = S_IFCHR | 0666;
  out->st_rdev = (226 << 8) | 128;
  return 0;
}

int fstat64(int file, struct stat64 *out) {
  return is_fake(file) ? describe_node(out) : syscall(SYS_fstat, file, out);
}
int fstat(int file, struct stat *out) { return fstat64(file, (struct stat64 *)out); }
int stat64(const char *path, struct stat64 *out) {
  return is_node(path) ? describe_node(out) : syscall(SYS_stat, path, out);
}
int stat(const char *path, struct stat *out) { return stat64(path, (struct stat64 *)out); }

static drmDevicePtr new_device(void) {
  drmDevicePtr device = calloc(1, sizeof *device);
  device->nodes = calloc(DRM_NODE_MAX, sizeof(char *));
  for (int i = 0; i < DRM_NODE_MAX; i++)
    device->nodes[i] = strdup(i == DRM_NODE_RENDER ? NODE : "/dev/dri/card0");
  device->available_nodes = (1 << DRM_NODE_RENDER) | (1 << DRM_NODE_PRIMARY);
  device->bustype = DRM_BUS_PCI;
  device->businfo.pci = calloc(1, sizeof(drmPciBusInfo));
  device->businfo.pci->dev = 2;
  device->deviceinfo.pci = calloc(1, sizeof(drmPciDeviceInfo));
  device->deviceinfo.pci->vendor_id = 0x8086;
  device->deviceinfo.pci->device_id = device_id();
  device->deviceinfo.pci->revision_id = 1;
  return device;
}

int drmGetDevices2(uint32_t flags, drmDevicePtr *devices, int max) {
  if (devices && max > 0) devices[0] = new_device();
  return 1;
}
int drmGetDevices(drmDevicePtr *devices, int max) { return drmGetDevices2(0, devices, max); }
int drmGetDevice2(int file, uint32_t flags, drmDevicePtr *device) {
  *device = new_device();
  return 0;
}
int drmGetDevice(int file, drmDevicePtr *device) { return drmGetDevice2(file, 0, device); }
void drmFreeDevice(drmDevicePtr *device) { *device = 0; }
void drmFreeDevices(drmDevicePtr *devices, int count) { memset(devices, 0, count * sizeof *devices); }
int drmGetCap(int file, uint64_t capability, uint64_t *value) {
  *value = 1;
  return 0;
}
static drmVersion version = {.version_major = 1,
                             .version_minor = 6,
                             .name = "i915",
                             .name_len = 4,
                             .date = "",
                             .desc = ""};
drmVersionPtr drmGetVersion(int file) { return &version; }
void drmFreeVersion(drmVersionPtr v) {}

static unsigned last_handle;
static uint64_t last_offset = 1 << 20;
static uint64_t sizes[1 << 16];

static int parameter(int name) {
  switch (name) {
    case I915_PARAM_CHIPSET_ID: return device_id();
    case I915_PARAM_CS_TIMESTAMP_FREQUENCY: return 19200000;
    case I915_PARAM_EU_TOTAL: return 96;
    case I915_PARAM_SUBSLICE_TOTAL: return 6;
    case I915_PARAM_SUBSLICE_MASK: return 0x3f;
    case I915_PARAM_HAS_ALIASING_PPGTT: return 3;
    case I915_PARAM_MMAP_GTT_VERSION: return 4;
    case I915_PARAM_HAS_USERPTR_PROBE: return 0;
    default: return 1;
  }
}

// A query first asks for its size.
static void query(struct drm_i915_query_item *item) {
  void *data = (void *)(uintptr_t)item->data_ptr;
  int is_size = item->length == 0;
  if (item->query_id == DRM_I915_QUERY_ENGINE_INFO) {
    struct drm_i915_query_engine_info *info = data;
    item->length = sizeof *info + sizeof(struct drm_i915_engine_info);
    if (is_size) return;
    memset(info, 0, item->length);
    info->num_engines = 1;
    info->engines[0].engine.engine_class = I915_ENGINE_CLASS_RENDER;
  } else if (item->query_id == DRM_I915_QUERY_MEMORY_REGIONS) {
    struct drm_i915_query_memory_regions *info = data;
    item->length = sizeof *info + sizeof(struct drm_i915_memory_region_info);
    if (is_size) return;
    memset(info, 0, item->length);
    info->num_regions = 1;
    info->regions[0].region.memory_class = I915_MEMORY_CLASS_SYSTEM;
    info->regions[0].probed_size = info->regions[0].unallocated_size = 16ull << 30;
  } else {
    item->length = -EINVAL;
  }
}

static void map_offset(struct drm_i915_gem_mmap_offset *map) {
  map->offset = last_offset;
  last_offset += ((sizes[map->handle & 0xffff] + 0xffff) & ~0xffffull) + (1 << 20);
}

int ioctl(int file, unsigned long request, ...) {
  va_list rest;
  va_start(rest, request);
  void *p = va_arg(rest, void *);
  va_end(rest);
  if (!is_fake(file)) return syscall(SYS_ioctl, file, request, p);
  switch (request) {
    case DRM_IOCTL_VERSION: {
      struct drm_version *v = p;
      v->version_major = 1;
      v->version_minor = 6;
      if (v->name && v->name_len >= 4) memcpy(v->name, "i915", 4);
      v->name_len = 4;
      break;
    }
    case DRM_IOCTL_I915_GETPARAM:
      *((drm_i915_getparam_t *)p)->value = parameter(((drm_i915_getparam_t *)p)->param);
      break;
    case DRM_IOCTL_I915_GEM_CREATE:
    case DRM_IOCTL_I915_GEM_CREATE_EXT: {
      struct drm_i915_gem_create *created = p; // both start with size and handle
      created->handle = ++last_handle;
      sizes[created->handle & 0xffff] = created->size;
      break;
    }
    case DRM_IOCTL_I915_GEM_USERPTR:
      ((struct drm_i915_gem_userptr *)p)->handle = ++last_handle;
      break;
    case DRM_IOCTL_I915_GEM_MMAP: {
      struct drm_i915_gem_mmap *map = p;
      int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
      map->addr_ptr = (uintptr_t)mmap(0, map->size, PROT_READ | PROT_WRITE, flags, -1, 0);
      break;
    }
    case DRM_IOCTL_I915_GEM_MMAP_OFFSET: map_offset(p); break;
    case DRM_IOCTL_I915_GEM_CONTEXT_CREATE:
    case DRM_IOCTL_I915_GEM_CONTEXT_CREATE_EXT:
      ((struct drm_i915_gem_context_create *)p)->ctx_id = ++last_handle;
      break;
    case DRM_IOCTL_I915_GEM_CONTEXT_GETPARAM: {
      struct drm_i915_gem_context_param *context = p;
      context->value = context->param == I915_CONTEXT_PARAM_GTT_SIZE ? 1ull << 48 : 1;
      break;
    }
    case DRM_IOCTL_I915_GEM_GET_APERTURE: {
      struct drm_i915_gem_get_aperture *aperture = p;
      aperture->aper_size = aperture->aper_available_size = 1ull << 32;
      break;
    }
    case DRM_IOCTL_I915_QUERY: {
      struct drm_i915_query *q = p;
      struct drm_i915_query_item *items = (void *)(uintptr_t)q->items_ptr;
      for (unsigned i = 0; i < q->num_items; i++) query(items + i);
      break;
    }
    case DRM_IOCTL_SYNCOBJ_CREATE:
      ((struct drm_syncobj_create *)p)->handle = ++last_handle;
      break;
    case DRM_IOCTL_GET_CAP: ((struct drm_get_cap *)p)->value = 1; break;
    case DRM_IOCTL_I915_REG_READ: return -1;
  }
  return 0;
}
