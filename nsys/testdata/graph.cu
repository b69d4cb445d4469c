#include <cuda_runtime.h>
#include <nvtx3/nvToolsExt.h>
#include <nvtx3/nvToolsExtCudaRt.h>
#include <cstdio>
#include <thread>
#include <vector>
#include <unistd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <pthread.h>
__global__ void scale(float*p,int n,float f){int i=blockIdx.x*blockDim.x+threadIdx.x;for(int k=i;k<n;k+=gridDim.x*blockDim.x)for(int j=0;j<20;j++)p[k]=p[k]*f+1;}
template<typename T,int N> __global__ void addn(T*p,int n){int i=blockIdx.x*blockDim.x+threadIdx.x;for(int k=i;k<n;k+=gridDim.x*blockDim.x)p[k]+=N;}
static void work(const char*name){
  prctl(PR_SET_NAME,name); pthread_setname_np(pthread_self(),name);
  int n=1<<20; float*d,*e; cudaMalloc(&d,n*4); cudaMalloc(&e,n*4); float*h; cudaMallocHost(&h,n*4); std::vector<float> pg(n); float*m; cudaMallocManaged(&m,n*4);
  for(int i=0;i<n;i++)m[i]=i;
  cudaStream_t s,t; cudaStreamCreate(&s); cudaStreamCreate(&t);
  nvtxNameCudaStreamA(s,"my stream"); nvtxNameOsThreadA(gettid(),"main thread (nvtx)");
  nvtxDomainHandle_t dom=nvtxDomainCreateA("MyLib"); nvtxStringHandle_t reg=nvtxDomainRegisterStringA(dom,"registered in MyLib");
  nvtxNameCategoryA(7,"seven"); nvtxDomainNameCategoryA(dom,9,"nine");
  nvtxEventAttributes_t a={0}; a.version=NVTX_VERSION; a.size=NVTX_EVENT_ATTRIB_STRUCT_SIZE; a.messageType=NVTX_MESSAGE_TYPE_REGISTERED; a.message.registered=reg; a.category=9;
  nvtxDomainRangePushEx(dom,&a);
  nvtxEventAttributes_t b={0}; b.version=NVTX_VERSION; b.size=NVTX_EVENT_ATTRIB_STRUCT_SIZE; b.messageType=NVTX_MESSAGE_TYPE_ASCII; b.message.ascii="ex with category"; b.category=7; b.colorType=NVTX_COLOR_ARGB; b.color=0xff00ff00;
  nvtxRangePushEx(&b); nvtxMarkA("a mark");
  cudaMemcpy(d,pg.data(),n*4,cudaMemcpyHostToDevice); cudaMemcpyAsync(e,h,n*4,cudaMemcpyHostToDevice,s); cudaMemcpyAsync(e,d,n*4,cudaMemcpyDeviceToDevice,s);
  cudaMemsetAsync(e,0,n*4,t); scale<<<64,256,0,s>>>(d,n,1.5f); addn<float,3><<<64,128,0,t>>>(e,n); scale<<<64,256,0,s>>>(m,n,2.f);
  cudaDeviceSynchronize(); cudaMemcpy(pg.data(),d,n*4,cudaMemcpyDeviceToHost); cudaMemcpyAsync(h,d,n*4,cudaMemcpyDeviceToHost,s); cudaStreamSynchronize(s);
  for(int i=0;i<n;i+=4096)m[i]+=1;
  nvtxRangePop(); nvtxDomainRangePop(dom);
  nvtxRangeId_t id=nvtxRangeStartA("start here, end \"there\"\nnewline, comma"); std::thread([&]{pthread_setname_np(pthread_self(),"ender");nvtxRangePushA("inner");usleep(2000);nvtxRangePop();nvtxRangeEnd(id);}).join();
  cudaGraph_t g; cudaGraphExec_t x; cudaStreamBeginCapture(s,cudaStreamCaptureModeGlobal);
  for(int i=0;i<3;i++)scale<<<64,256,0,s>>>(d,n,1.f); addn<float,5><<<32,128,0,s>>>(d,n); cudaMemsetAsync(e,0,n*4,s); cudaMemcpyAsync(e,d,n*4,cudaMemcpyDeviceToDevice,s);
  cudaStreamEndCapture(s,&g); cudaGraphInstantiate(&x,g,0);
  for(int i=0;i<5;i++){nvtxRangePushA("replay");cudaGraphLaunch(x,s);nvtxRangePop();}
  cudaGraph_t g2; cudaGraphExec_t x2; cudaStreamBeginCapture(t,cudaStreamCaptureModeGlobal); addn<int,1><<<16,64,0,t>>>((int*)e,n); cudaStreamEndCapture(t,&g2); cudaGraphInstantiate(&x2,g2,0);
  for(int i=0;i<2;i++)cudaGraphLaunch(x2,t); cudaEvent_t ev; cudaEventCreate(&ev); cudaEventRecord(ev,s); cudaStreamWaitEvent(t,ev,0); cudaEventSynchronize(ev);
  cudaDeviceSynchronize(); nvtxRangePushA("never closed push"); nvtxRangeStartA("never closed start"); cudaDeviceSynchronize();
}
#include <cstring>
#include <cstdlib>
int main(int c,char**v){ if(c>2&&!strcmp(v[1],"child")){const char*nm[]={"VLLM::StageEngineCoreProc_stage0","VLLM::StageEngineCoreProc_stage1"};work(nm[atoi(v[2])%2]);return 0;} int n=c>1?atoi(v[1]):1; std::vector<pid_t> ps;
  for(int i=0;i<n;i++){pid_t p=fork(); if(!p){ if(n>0){char k[8]; sprintf(k,"%d",i); execl("/proc/self/exe",v[0],"child",k,(char*)0);} } ps.push_back(p);} for(auto p:ps)waitpid(p,0,0); return 0; }
