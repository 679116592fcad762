/**
 * The messages of the core group, one a line: its fields, each `name=number` with `:type` where it is no text. Types: `i` and
 * `l` (32 and 64 bits), `b`, `n`, `y` (bytes), a message (of the same package when it has none), `[type]` and `{type}` (by
 * text). `?`: zero is a value of its own; `~`: its fields stand beside the others. Written by scripts/generate-kube-messages.ts.
 */
export const coreMessages = `
core.v1.AWSElasticBlockStoreVolumeSource volumeID=1 fsType=2 partition=3:i readOnly=4:b
core.v1.Affinity nodeAffinity=1:NodeAffinity? podAffinity=2:PodAffinity? podAntiAffinity=3:PodAntiAffinity?
core.v1.AppArmorProfile type=1 localhostProfile=2:s?
core.v1.AttachedVolume name=1 devicePath=2
core.v1.AzureDiskVolumeSource diskName=1 diskURI=2 cachingMode=3:s? fsType=4:s? readOnly=5:b? kind=6:s?
core.v1.AzureFilePersistentVolumeSource secretName=1 shareName=2 readOnly=3:b secretNamespace=4:s?
core.v1.AzureFileVolumeSource secretName=1 shareName=2 readOnly=3:b
core.v1.Binding metadata=1:meta.v1.ObjectMeta target=2:ObjectReference
core.v1.CSIPersistentVolumeSource driver=1 volumeHandle=2 readOnly=3:b fsType=4 volumeAttributes=5:{s} controllerPublishSecretRef=6:SecretReference? nodeStageSecretRef=7:SecretReference? nodePublishSecretRef=8:SecretReference? controllerExpandSecretRef=9:SecretReference? nodeExpandSecretRef=10:SecretReference?
core.v1.CSIVolumeSource driver=1 readOnly=2:b? fsType=3:s? volumeAttributes=4:{s} nodePublishSecretRef=5:LocalObjectReference?
core.v1.Capabilities add=1:[s] drop=2:[s]
core.v1.CephFSPersistentVolumeSource monitors=1:[s] path=2 user=3 secretFile=4 secretRef=5:SecretReference? readOnly=6:b
core.v1.CephFSVolumeSource monitors=1:[s] path=2 user=3 secretFile=4 secretRef=5:LocalObjectReference? readOnly=6:b
core.v1.CinderPersistentVolumeSource volumeID=1 fsType=2 readOnly=3:b secretRef=4:SecretReference?
core.v1.CinderVolumeSource volumeID=1 fsType=2 readOnly=3:b secretRef=4:LocalObjectReference?
core.v1.ClientIPConfig timeoutSeconds=1:i?
core.v1.ClusterTrustBundleProjection name=1:s? signerName=2:s? labelSelector=3:meta.v1.LabelSelector? optional=5:b? path=4
core.v1.ConfigMap metadata=1:meta.v1.ObjectMeta immutable=4:b? data=2:{s} binaryData=3:{y}
core.v1.ConfigMapEnvSource localObjectReference=1:~LocalObjectReference optional=2:b?
core.v1.ConfigMapKeySelector localObjectReference=1:~LocalObjectReference key=2 optional=3:b?
core.v1.ConfigMapNodeConfigSource namespace=1 name=2 uid=3 resourceVersion=4 kubeletConfigKey=5
core.v1.ConfigMapProjection localObjectReference=1:~LocalObjectReference items=2:[KeyToPath] optional=4:b?
core.v1.ConfigMapVolumeSource localObjectReference=1:~LocalObjectReference items=2:[KeyToPath] defaultMode=3:i? optional=4:b?
core.v1.Container name=1 image=2 command=3:[s] args=4:[s] workingDir=5 ports=6:[ContainerPort] envFrom=19:[EnvFromSource] env=7:[EnvVar] resources=8:ResourceRequirements resizePolicy=23:[ContainerResizePolicy] restartPolicy=24:s? volumeMounts=9:[VolumeMount] volumeDevices=21:[VolumeDevice] livenessProbe=10:Probe? readinessProbe=11:Probe? startupProbe=22:Probe? lifecycle=12:Lifecycle? terminationMessagePath=13 terminationMessagePolicy=20 imagePullPolicy=14 securityContext=15:SecurityContext? stdin=16:b stdinOnce=17:b tty=18:b
core.v1.ContainerImage names=1:[s] sizeBytes=2:l
core.v1.ContainerPort name=1 hostPort=2:i containerPort=3:i protocol=4 hostIP=5
core.v1.ContainerResizePolicy resourceName=1 restartPolicy=2
core.v1.ContainerState waiting=1:ContainerStateWaiting? running=2:ContainerStateRunning? terminated=3:ContainerStateTerminated?
core.v1.ContainerStateRunning startedAt=1:meta.v1.Time
core.v1.ContainerStateTerminated exitCode=1:i signal=2:i reason=3 message=4 startedAt=5:meta.v1.Time finishedAt=6:meta.v1.Time containerID=7
core.v1.ContainerStateWaiting reason=1 message=2
core.v1.ContainerStatus name=1 state=2:ContainerState lastState=3:ContainerState ready=4:b restartCount=5:i image=6 imageID=7 containerID=8 started=9:b? allocatedResources=10:{resource.Quantity} resources=11:ResourceRequirements? volumeMounts=12:[VolumeMountStatus] user=13:ContainerUser? allocatedResourcesStatus=14:[ResourceStatus] stopSignal=15:s?
core.v1.ContainerUser linux=1:LinuxContainerUser?
core.v1.DaemonEndpoint Port=1:i
core.v1.DownwardAPIProjection items=1:[DownwardAPIVolumeFile]
core.v1.DownwardAPIVolumeFile path=1 fieldRef=2:ObjectFieldSelector? resourceFieldRef=3:ResourceFieldSelector? mode=4:i?
core.v1.DownwardAPIVolumeSource items=1:[DownwardAPIVolumeFile] defaultMode=2:i?
core.v1.EmptyDirVolumeSource medium=1 sizeLimit=2:resource.Quantity?
core.v1.EndpointAddress ip=1 hostname=3 nodeName=4:s? targetRef=2:ObjectReference?
core.v1.EndpointPort name=1 port=2:i protocol=3 appProtocol=4:s?
core.v1.EndpointSubset addresses=1:[EndpointAddress] notReadyAddresses=2:[EndpointAddress] ports=3:[EndpointPort]
core.v1.Endpoints metadata=1:meta.v1.ObjectMeta subsets=2:[EndpointSubset]
core.v1.EnvFromSource prefix=1 configMapRef=2:ConfigMapEnvSource? secretRef=3:SecretEnvSource?
core.v1.EnvVar name=1 value=2 valueFrom=3:EnvVarSource?
core.v1.EnvVarSource fieldRef=1:ObjectFieldSelector? resourceFieldRef=2:ResourceFieldSelector? configMapKeyRef=3:ConfigMapKeySelector? secretKeyRef=4:SecretKeySelector?
core.v1.EphemeralContainer ephemeralContainerCommon=1:~EphemeralContainerCommon targetContainerName=2
core.v1.EphemeralContainerCommon name=1 image=2 command=3:[s] args=4:[s] workingDir=5 ports=6:[ContainerPort] envFrom=19:[EnvFromSource] env=7:[EnvVar] resources=8:ResourceRequirements resizePolicy=23:[ContainerResizePolicy] restartPolicy=24:s? volumeMounts=9:[VolumeMount] volumeDevices=21:[VolumeDevice] livenessProbe=10:Probe? readinessProbe=11:Probe? startupProbe=22:Probe? lifecycle=12:Lifecycle? terminationMessagePath=13 terminationMessagePolicy=20 imagePullPolicy=14 securityContext=15:SecurityContext? stdin=16:b stdinOnce=17:b tty=18:b
core.v1.EphemeralVolumeSource volumeClaimTemplate=1:PersistentVolumeClaimTemplate?
core.v1.Event metadata=1:meta.v1.ObjectMeta involvedObject=2:ObjectReference reason=3 message=4 source=5:EventSource firstTimestamp=6:meta.v1.Time lastTimestamp=7:meta.v1.Time count=8:i type=9 eventTime=10:meta.v1.MicroTime series=11:EventSeries? action=12 related=13:ObjectReference? reportingComponent=14 reportingInstance=15
core.v1.EventSeries count=1:i lastObservedTime=2:meta.v1.MicroTime
core.v1.EventSource component=1 host=2
core.v1.ExecAction command=1:[s]
core.v1.FCVolumeSource targetWWNs=1:[s] lun=2:i? fsType=3 readOnly=4:b wwids=5:[s]
core.v1.FlexPersistentVolumeSource driver=1 fsType=2 secretRef=3:SecretReference? readOnly=4:b options=5:{s}
core.v1.FlexVolumeSource driver=1 fsType=2 secretRef=3:LocalObjectReference? readOnly=4:b options=5:{s}
core.v1.FlockerVolumeSource datasetName=1 datasetUUID=2
core.v1.GCEPersistentDiskVolumeSource pdName=1 fsType=2 partition=3:i readOnly=4:b
core.v1.GRPCAction port=1:i service=2:s?
core.v1.GitRepoVolumeSource repository=1 revision=2 directory=3
core.v1.GlusterfsPersistentVolumeSource endpoints=1 path=2 readOnly=3:b endpointsNamespace=4:s?
core.v1.GlusterfsVolumeSource endpoints=1 path=2 readOnly=3:b
core.v1.HTTPGetAction path=1 port=2:intstr.IntOrString host=3 scheme=4 httpHeaders=5:[HTTPHeader]
core.v1.HTTPHeader name=1 value=2
core.v1.HostAlias ip=1 hostnames=2:[s]
core.v1.HostIP ip=1
core.v1.HostPathVolumeSource path=1 type=2:s?
core.v1.ISCSIPersistentVolumeSource targetPortal=1 iqn=2 lun=3:i iscsiInterface=4 fsType=5 readOnly=6:b portals=7:[s] chapAuthDiscovery=8:b chapAuthSession=11:b secretRef=10:SecretReference? initiatorName=12:s?
core.v1.ISCSIVolumeSource targetPortal=1 iqn=2 lun=3:i iscsiInterface=4 fsType=5 readOnly=6:b portals=7:[s] chapAuthDiscovery=8:b chapAuthSession=11:b secretRef=10:LocalObjectReference? initiatorName=12:s?
core.v1.ImageVolumeSource reference=1 pullPolicy=2
core.v1.KeyToPath key=1 path=2 mode=3:i?
core.v1.Lifecycle postStart=1:LifecycleHandler? preStop=2:LifecycleHandler? stopSignal=3:s?
core.v1.LifecycleHandler exec=1:ExecAction? httpGet=2:HTTPGetAction? tcpSocket=3:TCPSocketAction? sleep=4:SleepAction?
core.v1.LimitRange metadata=1:meta.v1.ObjectMeta spec=2:LimitRangeSpec
core.v1.LimitRangeItem type=1 max=2:{resource.Quantity} min=3:{resource.Quantity} default=4:{resource.Quantity} defaultRequest=5:{resource.Quantity} maxLimitRequestRatio=6:{resource.Quantity}
core.v1.LimitRangeSpec limits=1:[LimitRangeItem]
core.v1.LinuxContainerUser uid=1:l gid=2:l supplementalGroups=3:[l]
core.v1.LoadBalancerIngress ip=1 hostname=2 ipMode=3:s? ports=4:[PortStatus]
core.v1.LoadBalancerStatus ingress=1:[LoadBalancerIngress]
core.v1.LocalObjectReference name=1
core.v1.LocalVolumeSource path=1 fsType=2:s?
core.v1.ModifyVolumeStatus targetVolumeAttributesClassName=1 status=2
core.v1.NFSVolumeSource server=1 path=2 readOnly=3:b
core.v1.Namespace metadata=1:meta.v1.ObjectMeta spec=2:NamespaceSpec status=3:NamespaceStatus
core.v1.NamespaceCondition type=1 status=2 lastTransitionTime=4:meta.v1.Time reason=5 message=6
core.v1.NamespaceSpec finalizers=1:[s]
core.v1.NamespaceStatus phase=1 conditions=2:[NamespaceCondition]
core.v1.Node metadata=1:meta.v1.ObjectMeta spec=2:NodeSpec status=3:NodeStatus
core.v1.NodeAddress type=1 address=2
core.v1.NodeAffinity requiredDuringSchedulingIgnoredDuringExecution=1:NodeSelector? preferredDuringSchedulingIgnoredDuringExecution=2:[PreferredSchedulingTerm]
core.v1.NodeCondition type=1 status=2 lastHeartbeatTime=3:meta.v1.Time lastTransitionTime=4:meta.v1.Time reason=5 message=6
core.v1.NodeConfigSource configMap=2:ConfigMapNodeConfigSource?
core.v1.NodeConfigStatus assigned=1:NodeConfigSource? active=2:NodeConfigSource? lastKnownGood=3:NodeConfigSource? error=4
core.v1.NodeDaemonEndpoints kubeletEndpoint=1:DaemonEndpoint
core.v1.NodeFeatures supplementalGroupsPolicy=1:b?
core.v1.NodeRuntimeHandler name=1 features=2:NodeRuntimeHandlerFeatures?
core.v1.NodeRuntimeHandlerFeatures recursiveReadOnlyMounts=1:b? userNamespaces=2:b?
core.v1.NodeSelector nodeSelectorTerms=1:[NodeSelectorTerm]
core.v1.NodeSelectorRequirement key=1 operator=2 values=3:[s]
core.v1.NodeSelectorTerm matchExpressions=1:[NodeSelectorRequirement] matchFields=2:[NodeSelectorRequirement]
core.v1.NodeSpec podCIDR=1 podCIDRs=7:[s] providerID=3 unschedulable=4:b taints=5:[Taint] configSource=6:NodeConfigSource? externalID=2
core.v1.NodeStatus capacity=1:{resource.Quantity} allocatable=2:{resource.Quantity} phase=3 conditions=4:[NodeCondition] addresses=5:[NodeAddress] daemonEndpoints=6:NodeDaemonEndpoints nodeInfo=7:NodeSystemInfo images=8:[ContainerImage] volumesInUse=9:[s] volumesAttached=10:[AttachedVolume] config=11:NodeConfigStatus? runtimeHandlers=12:[NodeRuntimeHandler] features=13:NodeFeatures?
core.v1.NodeSwapStatus capacity=1:l?
core.v1.NodeSystemInfo machineID=1 systemUUID=2 bootID=3 kernelVersion=4 osImage=5 containerRuntimeVersion=6 kubeletVersion=7 kubeProxyVersion=8 operatingSystem=9 architecture=10 swap=11:NodeSwapStatus?
core.v1.ObjectFieldSelector apiVersion=1 fieldPath=2
core.v1.ObjectReference kind=1 namespace=2 name=3 uid=4 apiVersion=5 resourceVersion=6 fieldPath=7
core.v1.PersistentVolume metadata=1:meta.v1.ObjectMeta spec=2:PersistentVolumeSpec status=3:PersistentVolumeStatus
core.v1.PersistentVolumeClaim metadata=1:meta.v1.ObjectMeta spec=2:PersistentVolumeClaimSpec status=3:PersistentVolumeClaimStatus
core.v1.PersistentVolumeClaimCondition type=1 status=2 lastProbeTime=3:meta.v1.Time lastTransitionTime=4:meta.v1.Time reason=5 message=6
core.v1.PersistentVolumeClaimSpec accessModes=1:[s] selector=4:meta.v1.LabelSelector? resources=2:VolumeResourceRequirements volumeName=3 storageClassName=5:s? volumeMode=6:s? dataSource=7:TypedLocalObjectReference? dataSourceRef=8:TypedObjectReference? volumeAttributesClassName=9:s?
core.v1.PersistentVolumeClaimStatus phase=1 accessModes=2:[s] capacity=3:{resource.Quantity} conditions=4:[PersistentVolumeClaimCondition] allocatedResources=5:{resource.Quantity} allocatedResourceStatuses=7:{s} currentVolumeAttributesClassName=8:s? modifyVolumeStatus=9:ModifyVolumeStatus?
core.v1.PersistentVolumeClaimTemplate metadata=1:meta.v1.ObjectMeta spec=2:PersistentVolumeClaimSpec
core.v1.PersistentVolumeClaimVolumeSource claimName=1 readOnly=2:b
core.v1.PersistentVolumeSource gcePersistentDisk=1:GCEPersistentDiskVolumeSource? awsElasticBlockStore=2:AWSElasticBlockStoreVolumeSource? hostPath=3:HostPathVolumeSource? glusterfs=4:GlusterfsPersistentVolumeSource? nfs=5:NFSVolumeSource? rbd=6:RBDPersistentVolumeSource? iscsi=7:ISCSIPersistentVolumeSource? cinder=8:CinderPersistentVolumeSource? cephfs=9:CephFSPersistentVolumeSource? fc=10:FCVolumeSource? flocker=11:FlockerVolumeSource? flexVolume=12:FlexPersistentVolumeSource? azureFile=13:AzureFilePersistentVolumeSource? vsphereVolume=14:VsphereVirtualDiskVolumeSource? quobyte=15:QuobyteVolumeSource? azureDisk=16:AzureDiskVolumeSource? photonPersistentDisk=17:PhotonPersistentDiskVolumeSource? portworxVolume=18:PortworxVolumeSource? scaleIO=19:ScaleIOPersistentVolumeSource? local=20:LocalVolumeSource? storageos=21:StorageOSPersistentVolumeSource? csi=22:CSIPersistentVolumeSource?
core.v1.PersistentVolumeSpec capacity=1:{resource.Quantity} persistentVolumeSource=2:~PersistentVolumeSource accessModes=3:[s] claimRef=4:ObjectReference? persistentVolumeReclaimPolicy=5 storageClassName=6 mountOptions=7:[s] volumeMode=8:s? nodeAffinity=9:VolumeNodeAffinity? volumeAttributesClassName=10:s?
core.v1.PersistentVolumeStatus phase=1 message=2 reason=3 lastPhaseTransitionTime=4:meta.v1.Time?
core.v1.PhotonPersistentDiskVolumeSource pdID=1 fsType=2
core.v1.Pod metadata=1:meta.v1.ObjectMeta spec=2:PodSpec status=3:PodStatus
core.v1.PodAffinity requiredDuringSchedulingIgnoredDuringExecution=1:[PodAffinityTerm] preferredDuringSchedulingIgnoredDuringExecution=2:[WeightedPodAffinityTerm]
core.v1.PodAffinityTerm labelSelector=1:meta.v1.LabelSelector? namespaces=2:[s] topologyKey=3 namespaceSelector=4:meta.v1.LabelSelector? matchLabelKeys=5:[s] mismatchLabelKeys=6:[s]
core.v1.PodAntiAffinity requiredDuringSchedulingIgnoredDuringExecution=1:[PodAffinityTerm] preferredDuringSchedulingIgnoredDuringExecution=2:[WeightedPodAffinityTerm]
core.v1.PodCondition type=1 observedGeneration=7:l status=2 lastProbeTime=3:meta.v1.Time lastTransitionTime=4:meta.v1.Time reason=5 message=6
core.v1.PodDNSConfig nameservers=1:[s] searches=2:[s] options=3:[PodDNSConfigOption]
core.v1.PodDNSConfigOption name=1 value=2:s?
core.v1.PodIP ip=1
core.v1.PodOS name=1
core.v1.PodReadinessGate conditionType=1
core.v1.PodResourceClaim name=1 resourceClaimName=3:s? resourceClaimTemplateName=4:s?
core.v1.PodResourceClaimStatus name=1 resourceClaimName=2:s?
core.v1.PodSchedulingGate name=1
core.v1.PodSecurityContext seLinuxOptions=1:SELinuxOptions? windowsOptions=8:WindowsSecurityContextOptions? runAsUser=2:l? runAsGroup=6:l? runAsNonRoot=3:b? supplementalGroups=4:[l] supplementalGroupsPolicy=12:s? fsGroup=5:l? sysctls=7:[Sysctl] fsGroupChangePolicy=9:s? seccompProfile=10:SeccompProfile? appArmorProfile=11:AppArmorProfile? seLinuxChangePolicy=13:s?
core.v1.PodSpec volumes=1:[Volume] initContainers=20:[Container] containers=2:[Container] ephemeralContainers=34:[EphemeralContainer] restartPolicy=3 terminationGracePeriodSeconds=4:l? activeDeadlineSeconds=5:l? dnsPolicy=6 nodeSelector=7:{s} serviceAccountName=8 serviceAccount=9 automountServiceAccountToken=21:b? nodeName=10 hostNetwork=11:b hostPID=12:b hostIPC=13:b shareProcessNamespace=27:b? securityContext=14:PodSecurityContext? imagePullSecrets=15:[LocalObjectReference] hostname=16 subdomain=17 affinity=18:Affinity? schedulerName=19 tolerations=22:[Toleration] hostAliases=23:[HostAlias] priorityClassName=24 priority=25:i? dnsConfig=26:PodDNSConfig? readinessGates=28:[PodReadinessGate] runtimeClassName=29:s? enableServiceLinks=30:b? preemptionPolicy=31:s? overhead=32:{resource.Quantity} topologySpreadConstraints=33:[TopologySpreadConstraint] setHostnameAsFQDN=35:b? os=36:PodOS? hostUsers=37:b? schedulingGates=38:[PodSchedulingGate] resourceClaims=39:[PodResourceClaim] resources=40:ResourceRequirements?
core.v1.PodStatus observedGeneration=17:l phase=1 conditions=2:[PodCondition] message=3 reason=4 nominatedNodeName=11 hostIP=5 hostIPs=16:[HostIP] podIP=6 podIPs=12:[PodIP] startTime=7:meta.v1.Time? initContainerStatuses=10:[ContainerStatus] containerStatuses=8:[ContainerStatus] qosClass=9 ephemeralContainerStatuses=13:[ContainerStatus] resize=14 resourceClaimStatuses=15:[PodResourceClaimStatus]
core.v1.PodTemplate metadata=1:meta.v1.ObjectMeta template=2:PodTemplateSpec
core.v1.PodTemplateSpec metadata=1:meta.v1.ObjectMeta spec=2:PodSpec
core.v1.PortStatus port=1:i protocol=2 error=3:s?
core.v1.PortworxVolumeSource volumeID=1 fsType=2 readOnly=3:b
core.v1.PreferredSchedulingTerm weight=1:i preference=2:NodeSelectorTerm
core.v1.Probe handler=1:~ProbeHandler initialDelaySeconds=2:i timeoutSeconds=3:i periodSeconds=4:i successThreshold=5:i failureThreshold=6:i terminationGracePeriodSeconds=7:l?
core.v1.ProbeHandler exec=1:ExecAction? httpGet=2:HTTPGetAction? tcpSocket=3:TCPSocketAction? grpc=4:GRPCAction?
core.v1.ProjectedVolumeSource sources=1:[VolumeProjection] defaultMode=2:i?
core.v1.QuobyteVolumeSource registry=1 volume=2 readOnly=3:b user=4 group=5 tenant=6
core.v1.RBDPersistentVolumeSource monitors=1:[s] image=2 fsType=3 pool=4 user=5 keyring=6 secretRef=7:SecretReference? readOnly=8:b
core.v1.RBDVolumeSource monitors=1:[s] image=2 fsType=3 pool=4 user=5 keyring=6 secretRef=7:LocalObjectReference? readOnly=8:b
core.v1.ReplicationController metadata=1:meta.v1.ObjectMeta spec=2:ReplicationControllerSpec status=3:ReplicationControllerStatus
core.v1.ReplicationControllerCondition type=1 status=2 lastTransitionTime=3:meta.v1.Time reason=4 message=5
core.v1.ReplicationControllerSpec replicas=1:i? minReadySeconds=4:i selector=2:{s} template=3:PodTemplateSpec?
core.v1.ReplicationControllerStatus replicas=1:i fullyLabeledReplicas=2:i readyReplicas=4:i availableReplicas=5:i observedGeneration=3:l conditions=6:[ReplicationControllerCondition]
core.v1.ResourceClaim name=1 request=2
core.v1.ResourceFieldSelector containerName=1 resource=2 divisor=3:resource.Quantity
core.v1.ResourceHealth resourceID=1 health=2
core.v1.ResourceQuota metadata=1:meta.v1.ObjectMeta spec=2:ResourceQuotaSpec status=3:ResourceQuotaStatus
core.v1.ResourceQuotaSpec hard=1:{resource.Quantity} scopes=2:[s] scopeSelector=3:ScopeSelector?
core.v1.ResourceQuotaStatus hard=1:{resource.Quantity} used=2:{resource.Quantity}
core.v1.ResourceRequirements limits=1:{resource.Quantity} requests=2:{resource.Quantity} claims=3:[ResourceClaim]
core.v1.ResourceStatus name=1 resources=2:[ResourceHealth]
core.v1.SELinuxOptions user=1 role=2 type=3 level=4
core.v1.ScaleIOPersistentVolumeSource gateway=1 system=2 secretRef=3:SecretReference? sslEnabled=4:b protectionDomain=5 storagePool=6 storageMode=7 volumeName=8 fsType=9 readOnly=10:b
core.v1.ScaleIOVolumeSource gateway=1 system=2 secretRef=3:LocalObjectReference? sslEnabled=4:b protectionDomain=5 storagePool=6 storageMode=7 volumeName=8 fsType=9 readOnly=10:b
core.v1.ScopeSelector matchExpressions=1:[ScopedResourceSelectorRequirement]
core.v1.ScopedResourceSelectorRequirement scopeName=1 operator=2 values=3:[s]
core.v1.SeccompProfile type=1 localhostProfile=2:s?
core.v1.Secret metadata=1:meta.v1.ObjectMeta immutable=5:b? data=2:{y} stringData=4:{s} type=3
core.v1.SecretEnvSource localObjectReference=1:~LocalObjectReference optional=2:b?
core.v1.SecretKeySelector localObjectReference=1:~LocalObjectReference key=2 optional=3:b?
core.v1.SecretProjection localObjectReference=1:~LocalObjectReference items=2:[KeyToPath] optional=4:b?
core.v1.SecretReference name=1 namespace=2
core.v1.SecretVolumeSource secretName=1 items=2:[KeyToPath] defaultMode=3:i? optional=4:b?
core.v1.SecurityContext capabilities=1:Capabilities? privileged=2:b? seLinuxOptions=3:SELinuxOptions? windowsOptions=10:WindowsSecurityContextOptions? runAsUser=4:l? runAsGroup=8:l? runAsNonRoot=5:b? readOnlyRootFilesystem=6:b? allowPrivilegeEscalation=7:b? procMount=9:s? seccompProfile=11:SeccompProfile? appArmorProfile=12:AppArmorProfile?
core.v1.Service metadata=1:meta.v1.ObjectMeta spec=2:ServiceSpec status=3:ServiceStatus
core.v1.ServiceAccount metadata=1:meta.v1.ObjectMeta secrets=2:[ObjectReference] imagePullSecrets=3:[LocalObjectReference] automountServiceAccountToken=4:b?
core.v1.ServiceAccountTokenProjection audience=1 expirationSeconds=2:l? path=3
core.v1.ServicePort name=1 protocol=2 appProtocol=6:s? port=3:i targetPort=4:intstr.IntOrString nodePort=5:i
core.v1.ServiceSpec ports=1:[ServicePort] selector=2:{s} clusterIP=3 clusterIPs=18:[s] type=4 externalIPs=5:[s] sessionAffinity=7 loadBalancerIP=8 loadBalancerSourceRanges=9:[s] externalName=10 externalTrafficPolicy=11 healthCheckNodePort=12:i publishNotReadyAddresses=13:b sessionAffinityConfig=14:SessionAffinityConfig? ipFamilies=19:[s] ipFamilyPolicy=17:s? allocateLoadBalancerNodePorts=20:b? loadBalancerClass=21:s? internalTrafficPolicy=22:s? trafficDistribution=23:s?
core.v1.ServiceStatus loadBalancer=1:LoadBalancerStatus conditions=2:[meta.v1.Condition]
core.v1.SessionAffinityConfig clientIP=1:ClientIPConfig?
core.v1.SleepAction seconds=1:l
core.v1.StorageOSPersistentVolumeSource volumeName=1 volumeNamespace=2 fsType=3 readOnly=4:b secretRef=5:ObjectReference?
core.v1.StorageOSVolumeSource volumeName=1 volumeNamespace=2 fsType=3 readOnly=4:b secretRef=5:LocalObjectReference?
core.v1.Sysctl name=1 value=2
core.v1.TCPSocketAction port=1:intstr.IntOrString host=2
core.v1.Taint key=1 value=2 effect=3 timeAdded=4:meta.v1.Time?
core.v1.Toleration key=1 operator=2 value=3 effect=4 tolerationSeconds=5:l?
core.v1.TopologySelectorLabelRequirement key=1 values=2:[s]
core.v1.TopologySelectorTerm matchLabelExpressions=1:[TopologySelectorLabelRequirement]
core.v1.TopologySpreadConstraint maxSkew=1:i topologyKey=2 whenUnsatisfiable=3 labelSelector=4:meta.v1.LabelSelector? minDomains=5:i? nodeAffinityPolicy=6:s? nodeTaintsPolicy=7:s? matchLabelKeys=8:[s]
core.v1.TypedLocalObjectReference apiGroup=1:s? kind=2 name=3
core.v1.TypedObjectReference apiGroup=1:s? kind=2 name=3 namespace=4:s?
core.v1.Volume name=1 volumeSource=2:~VolumeSource
core.v1.VolumeDevice name=1 devicePath=2
core.v1.VolumeMount name=1 readOnly=2:b recursiveReadOnly=7:s? mountPath=3 subPath=4 mountPropagation=5:s? subPathExpr=6
core.v1.VolumeMountStatus name=1 mountPath=2 readOnly=3:b recursiveReadOnly=4:s?
core.v1.VolumeNodeAffinity required=1:NodeSelector?
core.v1.VolumeProjection secret=1:SecretProjection? downwardAPI=2:DownwardAPIProjection? configMap=3:ConfigMapProjection? serviceAccountToken=4:ServiceAccountTokenProjection? clusterTrustBundle=5:ClusterTrustBundleProjection?
core.v1.VolumeResourceRequirements limits=1:{resource.Quantity} requests=2:{resource.Quantity}
core.v1.VolumeSource hostPath=1:HostPathVolumeSource? emptyDir=2:EmptyDirVolumeSource? gcePersistentDisk=3:GCEPersistentDiskVolumeSource? awsElasticBlockStore=4:AWSElasticBlockStoreVolumeSource? gitRepo=5:GitRepoVolumeSource? secret=6:SecretVolumeSource? nfs=7:NFSVolumeSource? iscsi=8:ISCSIVolumeSource? glusterfs=9:GlusterfsVolumeSource? persistentVolumeClaim=10:PersistentVolumeClaimVolumeSource? rbd=11:RBDVolumeSource? flexVolume=12:FlexVolumeSource? cinder=13:CinderVolumeSource? cephfs=14:CephFSVolumeSource? flocker=15:FlockerVolumeSource? downwardAPI=16:DownwardAPIVolumeSource? fc=17:FCVolumeSource? azureFile=18:AzureFileVolumeSource? configMap=19:ConfigMapVolumeSource? vsphereVolume=20:VsphereVirtualDiskVolumeSource? quobyte=21:QuobyteVolumeSource? azureDisk=22:AzureDiskVolumeSource? photonPersistentDisk=23:PhotonPersistentDiskVolumeSource? projected=26:ProjectedVolumeSource? portworxVolume=24:PortworxVolumeSource? scaleIO=25:ScaleIOVolumeSource? storageos=27:StorageOSVolumeSource? csi=28:CSIVolumeSource? ephemeral=29:EphemeralVolumeSource? image=30:ImageVolumeSource?
core.v1.VsphereVirtualDiskVolumeSource volumePath=1 fsType=2 storagePolicyName=3 storagePolicyID=4
core.v1.WeightedPodAffinityTerm weight=1:i podAffinityTerm=2:PodAffinityTerm
core.v1.WindowsSecurityContextOptions gmsaCredentialSpecName=1:s? gmsaCredentialSpec=2:s? runAsUserName=3:s? hostProcess=4:b?
`;
