// A Vulkan layer that lets a driver without its GPU compile pipelines. It answers what such a
// driver cannot (memory, semaphores, fences, recording, submission) and passes on the rest. Nothing
// is computed.
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <vulkan/vk_layer.h>
#include <vulkan/vulkan.h>

#define API VKAPI_ATTR VkResult VKAPI_CALL
#define ANSWER VKAPI_ATTR void VKAPI_CALL

static PFN_vkGetInstanceProcAddr next_instance;
static PFN_vkGetDeviceProcAddr next_device;
static VkInstance instance;

// A structure of a type in a chain of extensions.
static void *find(const void *chain, VkStructureType type) {
  const VkBaseInStructure *s = chain;
  while (s && s->sType != type) s = s->pNext;
  return (void *)s;
}

static API create_instance(const VkInstanceCreateInfo *info, const VkAllocationCallbacks *a,
                           VkInstance *out) {
  VkLayerInstanceCreateInfo *link = (void *)info->pNext;
  while (link && !(link->sType == VK_STRUCTURE_TYPE_LOADER_INSTANCE_CREATE_INFO &&
                   link->function == VK_LAYER_LINK_INFO))
    link = (void *)link->pNext;
  next_instance = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
  link->u.pLayerInfo = link->u.pLayerInfo->pNext;
  PFN_vkCreateInstance create = (void *)next_instance(0, "vkCreateInstance");
  VkResult result = create(info, a, out);
  instance = *out;
  return result;
}

static API create_device(VkPhysicalDevice gpu, const VkDeviceCreateInfo *info,
                         const VkAllocationCallbacks *a, VkDevice *out) {
  VkLayerDeviceCreateInfo *link = (void *)info->pNext;
  while (link && !(link->sType == VK_STRUCTURE_TYPE_LOADER_DEVICE_CREATE_INFO &&
                   link->function == VK_LAYER_LINK_INFO))
    link = (void *)link->pNext;
  PFN_vkGetInstanceProcAddr get = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
  next_device = link->u.pLayerInfo->pfnNextGetDeviceProcAddr;
  link->u.pLayerInfo = link->u.pLayerInfo->pNext;
  PFN_vkCreateDevice create = (void *)get(instance, "vkCreateDevice");
  return create(gpu, info, a, out);
}

// Handles of objects that are not the driver's.
static uint64_t last_handle = 0x5e40000;
static uint64_t new_handle(void) { return last_handle += 16; }

// Timeline semaphores have the value that a submission would have given them.
#define MAX 4096
static struct {
  VkSemaphore semaphore;
  uint64_t value;
} timelines[MAX];
static int timeline_count;

static uint64_t *value_of(VkSemaphore semaphore) {
  for (int i = 0; i < timeline_count; i++)
    if (timelines[i].semaphore == semaphore) return &timelines[i].value;
  timelines[timeline_count].semaphore = semaphore;
  return &timelines[timeline_count++ % MAX].value;
}

static API submit(VkQueue q, uint32_t count, const VkSubmitInfo *infos, VkFence fence) {
  for (uint32_t i = 0; i < count; i++) {
    const VkTimelineSemaphoreSubmitInfo *t =
        find(infos[i].pNext, VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO);
    for (uint32_t j = 0; t && j < t->signalSemaphoreValueCount; j++) {
      uint64_t *value = value_of(infos[i].pSignalSemaphores[j]);
      if (t->pSignalSemaphoreValues[j] > *value) *value = t->pSignalSemaphoreValues[j];
    }
  }
  return VK_SUCCESS;
}

static API counter_value(VkDevice d, VkSemaphore s, uint64_t *value) {
  *value = *value_of(s);
  return VK_SUCCESS;
}

static API create_semaphore(VkDevice d, const VkSemaphoreCreateInfo *info,
                            const VkAllocationCallbacks *a, VkSemaphore *out) {
  *out = (VkSemaphore)new_handle();
  return VK_SUCCESS;
}

static API create_fence(VkDevice d, const VkFenceCreateInfo *info, const VkAllocationCallbacks *a,
                        VkFence *out) {
  *out = (VkFence)new_handle();
  return VK_SUCCESS;
}

// Memory is the process's own.
static struct {
  VkDeviceMemory memory;
  char *bytes;
} memories[MAX];
static int memory_count;

static API allocate(VkDevice d, const VkMemoryAllocateInfo *info, const VkAllocationCallbacks *a,
                    VkDeviceMemory *out) {
  *out = (VkDeviceMemory)new_handle();
  if (memory_count == MAX) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  void *bytes = mmap(0, info->allocationSize, PROT_READ | PROT_WRITE, flags, -1, 0);
  memories[memory_count].memory = *out;
  memories[memory_count++].bytes = bytes;
  return VK_SUCCESS;
}

static API map(VkDevice d, VkDeviceMemory m, VkDeviceSize offset, VkDeviceSize size,
               VkMemoryMapFlags flags, void **out) {
  for (int i = 0; i < memory_count; i++) {
    if (memories[i].memory != m) continue;
    *out = memories[i].bytes + offset;
    return VK_SUCCESS;
  }
  return VK_ERROR_MEMORY_MAP_FAILED;
}

static const VkMemoryPropertyFlags kinds[3] = {
    VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT,
    VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT,
    VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT |
        VK_MEMORY_PROPERTY_HOST_CACHED_BIT,
};
static const VkDeviceSize heap = 16ull << 30;

static ANSWER memory_properties(VkPhysicalDevice gpu, VkPhysicalDeviceMemoryProperties *out) {
  memset(out, 0, sizeof *out);
  out->memoryHeapCount = 2;
  out->memoryTypeCount = 3;
  out->memoryHeaps[0].flags = VK_MEMORY_HEAP_DEVICE_LOCAL_BIT;
  for (int i = 0; i < 2; i++) out->memoryHeaps[i].size = heap;
  for (int i = 0; i < 3; i++) {
    out->memoryTypes[i].heapIndex = i > 0;
    out->memoryTypes[i].propertyFlags = kinds[i];
  }
}

static ANSWER memory_properties_2(VkPhysicalDevice gpu, VkPhysicalDeviceMemoryProperties2 *out) {
  memory_properties(gpu, &out->memoryProperties);
  VkPhysicalDeviceMemoryBudgetPropertiesEXT *budget =
      find(out->pNext, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT);
  if (!budget) return;
  memset(budget->heapUsage, 0, sizeof budget->heapUsage);
  memset(budget->heapBudget, 0, sizeof budget->heapBudget);
  budget->heapBudget[0] = budget->heapBudget[1] = heap;
}

static ANSWER buffer_requirements(VkDevice d, VkBuffer b, VkMemoryRequirements *out) {
  PFN_vkGetBufferMemoryRequirements get = (void *)next_device(d, "vkGetBufferMemoryRequirements");
  get(d, b, out);
  out->memoryTypeBits = 7;
}

static ANSWER buffer_requirements_2(VkDevice d, const VkBufferMemoryRequirementsInfo2 *info,
                                    VkMemoryRequirements2 *out) {
  PFN_vkGetBufferMemoryRequirements2 get = (void *)next_device(d, "vkGetBufferMemoryRequirements2");
  get(d, info, out);
  out->memoryRequirements.memoryTypeBits = 7;
}

static API query_results(VkDevice d, VkQueryPool p, uint32_t first, uint32_t count, size_t size,
                         void *data, VkDeviceSize stride, VkQueryResultFlags flags) {
  memset(data, 0, size);
  return VK_SUCCESS;
}

static API succeed(void) { return VK_SUCCESS; }
static ANSWER ignore(void) {}

static const struct {
  const char *name;
  void *function;
} answers[] = {
    {"vkQueueSubmit", submit},
    {"vkCreateSemaphore", create_semaphore},
    {"vkDestroySemaphore", ignore},
    {"vkGetSemaphoreCounterValue", counter_value},
    {"vkGetSemaphoreCounterValueKHR", counter_value},
    {"vkWaitSemaphores", succeed},
    {"vkWaitSemaphoresKHR", succeed},
    {"vkCreateFence", create_fence},
    {"vkDestroyFence", ignore},
    {"vkResetFences", succeed},
    {"vkWaitForFences", succeed},
    {"vkGetFenceStatus", succeed},
    {"vkQueueWaitIdle", succeed},
    {"vkDeviceWaitIdle", succeed},
    {"vkAllocateMemory", allocate},
    {"vkFreeMemory", ignore},
    {"vkMapMemory", map},
    {"vkUnmapMemory", ignore},
    {"vkBindBufferMemory", succeed},
    {"vkBindImageMemory", succeed},
    {"vkFlushMappedMemoryRanges", succeed},
    {"vkInvalidateMappedMemoryRanges", succeed},
    {"vkGetPhysicalDeviceMemoryProperties", memory_properties},
    {"vkGetPhysicalDeviceMemoryProperties2", memory_properties_2},
    {"vkGetPhysicalDeviceMemoryProperties2KHR", memory_properties_2},
    {"vkGetBufferMemoryRequirements", buffer_requirements},
    {"vkGetBufferMemoryRequirements2", buffer_requirements_2},
    {"vkGetBufferMemoryRequirements2KHR", buffer_requirements_2},
    {"vkBeginCommandBuffer", succeed},
    {"vkEndCommandBuffer", succeed},
    {"vkResetCommandBuffer", succeed},
    {"vkResetCommandPool", succeed},
    {"vkUpdateDescriptorSets", ignore},
    {"vkGetQueryPoolResults", query_results},
};

static void *answer(const char *name) {
  for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
    if (!strcmp(answers[i].name, name)) return answers[i].function;
  return strncmp(name, "vkCmd", 5) ? 0 : ignore;
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_device(VkDevice d, const char *name) {
  if (!strcmp(name, "vkGetDeviceProcAddr")) return (void *)get_device;
  void *function = answer(name);
  if (function) return function;
  return next_device ? next_device(d, name) : 0;
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_instance(VkInstance i, const char *name) {
  if (!strcmp(name, "vkGetInstanceProcAddr")) return (void *)get_instance;
  if (!strcmp(name, "vkCreateInstance")) return (void *)create_instance;
  if (!strcmp(name, "vkCreateDevice")) return (void *)create_device;
  if (!strcmp(name, "vkGetDeviceProcAddr")) return (void *)get_device;
  void *function = answer(name);
  if (function) return function;
  return next_instance ? next_instance(i, name) : 0;
}

__attribute__((visibility("default"))) API
vkNegotiateLoaderLayerInterfaceVersion(VkNegotiateLayerInterface *out) {
  out->loaderLayerInterfaceVersion = 2;
  out->pfnGetInstanceProcAddr = get_instance;
  out->pfnGetDeviceProcAddr = get_device;
  out->pfnGetPhysicalDeviceProcAddr = 0;
  return VK_SUCCESS;
}
