/**
 * The types of the core API, one a line: its fields, each `name`, `name:type`, `name!` or `name!:type` (required). A type is `s`
 * (text, when none is given), `i` (32 bits), `l` (64 bits), `n` (any number), `b`, `t` (a moment), `m` (a moment with micros), `q`
 * (a quantity), `ios` (number or text), `y` (base64), `o` (an object of any fields), `any`, another type's name, `[type]` or `{type}`
 * (a list or a map of them).
 */
export const coreTypes = `
ObjectMeta annotations:{s} creationTimestamp:t deletionGracePeriodSeconds:l deletionTimestamp:t finalizers:[s] generateName generation:l labels:{s} managedFields:[ManagedFieldsEntry] name namespace ownerReferences:[OwnerReference] resourceVersion selfLink uid
OwnerReference apiVersion! blockOwnerDeletion:b controller:b kind! name! uid!
ManagedFieldsEntry apiVersion fieldsType fieldsV1:o manager operation subresource time:t
LabelSelector matchExpressions:[LabelSelectorRequirement] matchLabels:{s}
LabelSelectorRequirement key! operator! values:[s]
Condition lastTransitionTime!:t message! observedGeneration:l reason! status! type!
ListMeta continue remainingItemCount:l resourceVersion selfLink
DeleteOptions apiVersion dryRun:[s] gracePeriodSeconds:l ignoreStoreReadErrorWithClusterBreakingPotential:b kind orphanDependents:b preconditions:Preconditions propagationPolicy
Preconditions resourceVersion uid
LocalObjectReference name
ObjectReference apiVersion fieldPath kind name namespace resourceVersion uid
TypedLocalObjectReference apiGroup kind! name!
TypedObjectReference apiGroup kind! name! namespace
SecretReference name namespace

Namespace spec:NamespaceSpec status:NamespaceStatus
NamespaceSpec finalizers:[s]
NamespaceStatus conditions:[NamespaceCondition] phase
NamespaceCondition lastTransitionTime:t message reason status! type!

Node spec:NodeSpec status:NodeStatus
NodeSpec configSource:NodeConfigSource externalID podCIDR podCIDRs:[s] providerID taints:[Taint] unschedulable:b
NodeConfigSource configMap:ConfigMapNodeConfigSource
ConfigMapNodeConfigSource kubeletConfigKey! name! namespace! resourceVersion uid
Taint effect! key! timeAdded:t value
NodeStatus addresses:[NodeAddress] allocatable:{q} capacity:{q} conditions:[NodeCondition] config:NodeConfigStatus daemonEndpoints:NodeDaemonEndpoints features:NodeFeatures images:[ContainerImage] nodeInfo:NodeSystemInfo phase runtimeHandlers:[NodeRuntimeHandler] volumesAttached:[AttachedVolume] volumesInUse:[s]
NodeAddress address! type!
NodeCondition lastHeartbeatTime:t lastTransitionTime:t message reason status! type!
NodeConfigStatus active:NodeConfigSource assigned:NodeConfigSource error lastKnownGood:NodeConfigSource
NodeDaemonEndpoints kubeletEndpoint:DaemonEndpoint
DaemonEndpoint Port!:i
NodeFeatures supplementalGroupsPolicy:b
ContainerImage names:[s] sizeBytes:l
NodeSystemInfo architecture! bootID! containerRuntimeVersion! kernelVersion! kubeProxyVersion! kubeletVersion! machineID! operatingSystem! osImage! swap:NodeSwapStatus systemUUID!
NodeSwapStatus capacity:l
NodeRuntimeHandler features:NodeRuntimeHandlerFeatures name
NodeRuntimeHandlerFeatures recursiveReadOnlyMounts:b userNamespaces:b
AttachedVolume devicePath! name!

Pod spec:PodSpec status:PodStatus
PodTemplate template:PodTemplateSpec
PodTemplateSpec metadata:ObjectMeta spec:PodSpec
PodSpec activeDeadlineSeconds:l affinity:Affinity automountServiceAccountToken:b containers!:[Container] dnsConfig:PodDNSConfig dnsPolicy enableServiceLinks:b ephemeralContainers:[EphemeralContainer] hostAliases:[HostAlias] hostIPC:b hostNetwork:b hostPID:b hostUsers:b hostname hostnameOverride imagePullSecrets:[LocalObjectReference] initContainers:[Container] nodeName nodeSelector:{s} os:PodOS overhead:{q} preemptionPolicy priority:i priorityClassName readinessGates:[PodReadinessGate] resourceClaims:[PodResourceClaim] resources:ResourceRequirements restartPolicy runtimeClassName schedulerName schedulingGates:[PodSchedulingGate] securityContext:PodSecurityContext serviceAccount serviceAccountName setHostnameAsFQDN:b shareProcessNamespace:b subdomain terminationGracePeriodSeconds:l tolerations:[Toleration] topologySpreadConstraints:[TopologySpreadConstraint] volumes:[Volume]
Container args:[s] command:[s] env:[EnvVar] envFrom:[EnvFromSource] image imagePullPolicy lifecycle:Lifecycle livenessProbe:Probe name! ports:[ContainerPort] readinessProbe:Probe resizePolicy:[ContainerResizePolicy] resources:ResourceRequirements restartPolicy restartPolicyRules:[ContainerRestartRule] securityContext:SecurityContext startupProbe:Probe stdin:b stdinOnce:b terminationMessagePath terminationMessagePolicy tty:b volumeDevices:[VolumeDevice] volumeMounts:[VolumeMount] workingDir
EphemeralContainer args:[s] command:[s] env:[EnvVar] envFrom:[EnvFromSource] image imagePullPolicy lifecycle:Lifecycle livenessProbe:Probe name! ports:[ContainerPort] readinessProbe:Probe resizePolicy:[ContainerResizePolicy] resources:ResourceRequirements restartPolicy restartPolicyRules:[ContainerRestartRule] securityContext:SecurityContext startupProbe:Probe stdin:b stdinOnce:b targetContainerName terminationMessagePath terminationMessagePolicy tty:b volumeDevices:[VolumeDevice] volumeMounts:[VolumeMount] workingDir
ContainerRestartRule action! exitCodes:ContainerRestartRuleOnExitCodes
ContainerRestartRuleOnExitCodes operator! values:[i]
ContainerResizePolicy resourceName! restartPolicy!
ContainerPort containerPort!:i hostIP hostPort:i name protocol
EnvVar name! value valueFrom:EnvVarSource
EnvVarSource configMapKeyRef:ConfigMapKeySelector fieldRef:ObjectFieldSelector fileKeyRef:FileKeySelector resourceFieldRef:ResourceFieldSelector secretKeyRef:SecretKeySelector
ConfigMapKeySelector key! name optional:b
SecretKeySelector key! name optional:b
FileKeySelector key! optional:b path! volumeName!
ObjectFieldSelector apiVersion fieldPath!
ResourceFieldSelector containerName divisor:q resource!
EnvFromSource configMapRef:ConfigMapEnvSource prefix secretRef:SecretEnvSource
ConfigMapEnvSource name optional:b
SecretEnvSource name optional:b
ResourceRequirements claims:[ResourceClaim] limits:{q} requests:{q}
ResourceClaim name! request
VolumeResourceRequirements limits:{q} requests:{q}
VolumeMount mountPath! mountPropagation name! readOnly:b recursiveReadOnly subPath subPathExpr
VolumeDevice devicePath! name!
Lifecycle postStart:LifecycleHandler preStop:LifecycleHandler stopSignal
LifecycleHandler exec:ExecAction httpGet:HTTPGetAction sleep:SleepAction tcpSocket:TCPSocketAction
ExecAction command:[s]
HTTPGetAction host httpHeaders:[HTTPHeader] path port!:ios scheme
HTTPHeader name! value!
SleepAction seconds!:l
TCPSocketAction host port!:ios
GRPCAction port!:i service
Probe exec:ExecAction failureThreshold:i grpc:GRPCAction httpGet:HTTPGetAction initialDelaySeconds:i periodSeconds:i successThreshold:i tcpSocket:TCPSocketAction terminationGracePeriodSeconds:l timeoutSeconds:i
SecurityContext allowPrivilegeEscalation:b appArmorProfile:AppArmorProfile capabilities:Capabilities privileged:b procMount readOnlyRootFilesystem:b runAsGroup:l runAsNonRoot:b runAsUser:l seLinuxOptions:SELinuxOptions seccompProfile:SeccompProfile windowsOptions:WindowsSecurityContextOptions
Capabilities add:[s] drop:[s]
AppArmorProfile localhostProfile type!
SeccompProfile localhostProfile type!
SELinuxOptions level role type user
WindowsSecurityContextOptions gmsaCredentialSpec gmsaCredentialSpecName hostProcess:b runAsUserName
PodSecurityContext appArmorProfile:AppArmorProfile fsGroup:l fsGroupChangePolicy runAsGroup:l runAsNonRoot:b runAsUser:l seLinuxChangePolicy seLinuxOptions:SELinuxOptions seccompProfile:SeccompProfile supplementalGroups:[l] supplementalGroupsPolicy sysctls:[Sysctl] windowsOptions:WindowsSecurityContextOptions
Sysctl name! value!
PodDNSConfig nameservers:[s] options:[PodDNSConfigOption] searches:[s]
PodDNSConfigOption name value
HostAlias hostnames:[s] ip!
PodOS name!
PodReadinessGate conditionType!
PodSchedulingGate name!
PodResourceClaim name! resourceClaimName resourceClaimTemplateName
Toleration effect key operator tolerationSeconds:l value
TopologySpreadConstraint labelSelector:LabelSelector matchLabelKeys:[s] maxSkew!:i minDomains:i nodeAffinityPolicy nodeTaintsPolicy topologyKey! whenUnsatisfiable!
Affinity nodeAffinity:NodeAffinity podAffinity:PodAffinity podAntiAffinity:PodAntiAffinity
NodeAffinity preferredDuringSchedulingIgnoredDuringExecution:[PreferredSchedulingTerm] requiredDuringSchedulingIgnoredDuringExecution:NodeSelector
PreferredSchedulingTerm preference!:NodeSelectorTerm weight!:i
NodeSelector nodeSelectorTerms!:[NodeSelectorTerm]
NodeSelectorTerm matchExpressions:[NodeSelectorRequirement] matchFields:[NodeSelectorRequirement]
NodeSelectorRequirement key! operator! values:[s]
PodAffinity preferredDuringSchedulingIgnoredDuringExecution:[WeightedPodAffinityTerm] requiredDuringSchedulingIgnoredDuringExecution:[PodAffinityTerm]
PodAntiAffinity preferredDuringSchedulingIgnoredDuringExecution:[WeightedPodAffinityTerm] requiredDuringSchedulingIgnoredDuringExecution:[PodAffinityTerm]
WeightedPodAffinityTerm podAffinityTerm!:PodAffinityTerm weight!:i
PodAffinityTerm labelSelector:LabelSelector matchLabelKeys:[s] mismatchLabelKeys:[s] namespaceSelector:LabelSelector namespaces:[s] topologyKey!
PodStatus conditions:[PodCondition] containerStatuses:[ContainerStatus] ephemeralContainerStatuses:[ContainerStatus] extendedResourceClaimStatus:PodExtendedResourceClaimStatus hostIP hostIPs:[HostIP] initContainerStatuses:[ContainerStatus] message nominatedNodeName observedGeneration:l phase podIP podIPs:[PodIP] qosClass reason resize resourceClaimStatuses:[PodResourceClaimStatus] startTime:t
PodCondition lastProbeTime:t lastTransitionTime:t message observedGeneration:l reason status! type!
HostIP ip!
PodIP ip!
PodResourceClaimStatus name! resourceClaimName
PodExtendedResourceClaimStatus requestMappings:[ContainerExtendedResourceRequest] resourceClaimName!
ContainerExtendedResourceRequest containerName! requestName! resourceName!
ContainerStatus allocatedResources:{q} allocatedResourcesStatus:[ResourceStatus] containerID image! imageID! lastState:ContainerState name! ready!:b resources:ResourceRequirements restartCount!:i started:b state:ContainerState stopSignal user:ContainerUser volumeMounts:[VolumeMountStatus]
ResourceStatus name! resources:[ResourceHealth]
ResourceHealth health resourceID!
ContainerUser linux:LinuxContainerUser
LinuxContainerUser gid!:l supplementalGroups:[l] uid!:l
VolumeMountStatus mountPath! name! readOnly:b recursiveReadOnly
ContainerState running:ContainerStateRunning terminated:ContainerStateTerminated waiting:ContainerStateWaiting
ContainerStateRunning startedAt:t
ContainerStateTerminated containerID exitCode!:i finishedAt:t message reason signal:i startedAt:t
ContainerStateWaiting message reason

Volume awsElasticBlockStore:AWSElasticBlockStoreVolumeSource azureDisk:AzureDiskVolumeSource azureFile:AzureFileVolumeSource cephfs:CephFSVolumeSource cinder:CinderVolumeSource configMap:ConfigMapVolumeSource csi:CSIVolumeSource downwardAPI:DownwardAPIVolumeSource emptyDir:EmptyDirVolumeSource ephemeral:EphemeralVolumeSource fc:FCVolumeSource flexVolume:FlexVolumeSource flocker:FlockerVolumeSource gcePersistentDisk:GCEPersistentDiskVolumeSource gitRepo:GitRepoVolumeSource glusterfs:GlusterfsVolumeSource hostPath:HostPathVolumeSource image:ImageVolumeSource iscsi:ISCSIVolumeSource name! nfs:NFSVolumeSource persistentVolumeClaim:PersistentVolumeClaimVolumeSource photonPersistentDisk:PhotonPersistentDiskVolumeSource portworxVolume:PortworxVolumeSource projected:ProjectedVolumeSource quobyte:QuobyteVolumeSource rbd:RBDVolumeSource scaleIO:ScaleIOVolumeSource secret:SecretVolumeSource storageos:StorageOSVolumeSource vsphereVolume:VsphereVirtualDiskVolumeSource
AWSElasticBlockStoreVolumeSource fsType partition:i readOnly:b volumeID!
AzureDiskVolumeSource cachingMode diskName! diskURI! fsType kind readOnly:b
AzureFileVolumeSource readOnly:b secretName! shareName!
CephFSVolumeSource monitors!:[s] path readOnly:b secretFile secretRef:LocalObjectReference user
CinderVolumeSource fsType readOnly:b secretRef:LocalObjectReference volumeID!
ConfigMapVolumeSource defaultMode:i items:[KeyToPath] name optional:b
KeyToPath key! mode:i path!
CSIVolumeSource driver! fsType nodePublishSecretRef:LocalObjectReference readOnly:b volumeAttributes:{s}
DownwardAPIVolumeSource defaultMode:i items:[DownwardAPIVolumeFile]
DownwardAPIVolumeFile fieldRef:ObjectFieldSelector mode:i path! resourceFieldRef:ResourceFieldSelector
EmptyDirVolumeSource medium sizeLimit:q
EphemeralVolumeSource volumeClaimTemplate:PersistentVolumeClaimTemplate
PersistentVolumeClaimTemplate metadata:ObjectMeta spec!:PersistentVolumeClaimSpec
FCVolumeSource fsType lun:i readOnly:b targetWWNs:[s] wwids:[s]
FlexVolumeSource driver! fsType options:{s} readOnly:b secretRef:LocalObjectReference
FlockerVolumeSource datasetName datasetUUID
GCEPersistentDiskVolumeSource fsType partition:i pdName! readOnly:b
GitRepoVolumeSource directory repository! revision
GlusterfsVolumeSource endpoints! path! readOnly:b
HostPathVolumeSource path! type
ImageVolumeSource pullPolicy reference
ISCSIVolumeSource chapAuthDiscovery:b chapAuthSession:b fsType initiatorName iqn! iscsiInterface lun!:i portals:[s] readOnly:b secretRef:LocalObjectReference targetPortal!
NFSVolumeSource path! readOnly:b server!
PersistentVolumeClaimVolumeSource claimName! readOnly:b
PhotonPersistentDiskVolumeSource fsType pdID!
PortworxVolumeSource fsType readOnly:b volumeID!
ProjectedVolumeSource defaultMode:i sources:[VolumeProjection]
VolumeProjection clusterTrustBundle:ClusterTrustBundleProjection configMap:ConfigMapProjection downwardAPI:DownwardAPIProjection podCertificate:PodCertificateProjection secret:SecretProjection serviceAccountToken:ServiceAccountTokenProjection
ClusterTrustBundleProjection labelSelector:LabelSelector name optional:b path! signerName
ConfigMapProjection items:[KeyToPath] name optional:b
DownwardAPIProjection items:[DownwardAPIVolumeFile]
PodCertificateProjection certificateChainPath credentialBundlePath keyPath keyType! maxExpirationSeconds:i signerName!
SecretProjection items:[KeyToPath] name optional:b
ServiceAccountTokenProjection audience expirationSeconds:l path!
QuobyteVolumeSource group readOnly:b registry! tenant user volume!
RBDVolumeSource fsType image! keyring monitors!:[s] pool readOnly:b secretRef:LocalObjectReference user
ScaleIOVolumeSource fsType gateway! protectionDomain readOnly:b secretRef!:LocalObjectReference sslEnabled:b storageMode storagePool system! volumeName
SecretVolumeSource defaultMode:i items:[KeyToPath] optional:b secretName
StorageOSVolumeSource fsType readOnly:b secretRef:LocalObjectReference volumeName volumeNamespace
VsphereVirtualDiskVolumeSource fsType storagePolicyID storagePolicyName volumePath!

PersistentVolume spec:PersistentVolumeSpec status:PersistentVolumeStatus
PersistentVolumeSpec accessModes:[s] awsElasticBlockStore:AWSElasticBlockStoreVolumeSource azureDisk:AzureDiskVolumeSource azureFile:AzureFilePersistentVolumeSource capacity:{q} cephfs:CephFSPersistentVolumeSource cinder:CinderPersistentVolumeSource claimRef:ObjectReference csi:CSIPersistentVolumeSource fc:FCVolumeSource flexVolume:FlexPersistentVolumeSource flocker:FlockerVolumeSource gcePersistentDisk:GCEPersistentDiskVolumeSource glusterfs:GlusterfsPersistentVolumeSource hostPath:HostPathVolumeSource iscsi:ISCSIPersistentVolumeSource local:LocalVolumeSource mountOptions:[s] nfs:NFSVolumeSource nodeAffinity:VolumeNodeAffinity persistentVolumeReclaimPolicy photonPersistentDisk:PhotonPersistentDiskVolumeSource portworxVolume:PortworxVolumeSource quobyte:QuobyteVolumeSource rbd:RBDPersistentVolumeSource scaleIO:ScaleIOPersistentVolumeSource storageClassName storageos:StorageOSPersistentVolumeSource volumeAttributesClassName volumeMode vsphereVolume:VsphereVirtualDiskVolumeSource
AzureFilePersistentVolumeSource readOnly:b secretName! secretNamespace shareName!
CephFSPersistentVolumeSource monitors!:[s] path readOnly:b secretFile secretRef:SecretReference user
CinderPersistentVolumeSource fsType readOnly:b secretRef:SecretReference volumeID!
CSIPersistentVolumeSource controllerExpandSecretRef:SecretReference controllerPublishSecretRef:SecretReference driver! fsType nodeExpandSecretRef:SecretReference nodePublishSecretRef:SecretReference nodeStageSecretRef:SecretReference readOnly:b volumeAttributes:{s} volumeHandle!
FlexPersistentVolumeSource driver! fsType options:{s} readOnly:b secretRef:SecretReference
GlusterfsPersistentVolumeSource endpoints! endpointsNamespace path! readOnly:b
ISCSIPersistentVolumeSource chapAuthDiscovery:b chapAuthSession:b fsType initiatorName iqn! iscsiInterface lun!:i portals:[s] readOnly:b secretRef:SecretReference targetPortal!
LocalVolumeSource fsType path!
VolumeNodeAffinity required:NodeSelector
RBDPersistentVolumeSource fsType image! keyring monitors!:[s] pool readOnly:b secretRef:SecretReference user
ScaleIOPersistentVolumeSource fsType gateway! protectionDomain readOnly:b secretRef!:SecretReference sslEnabled:b storageMode storagePool system! volumeName
StorageOSPersistentVolumeSource fsType readOnly:b secretRef:ObjectReference volumeName volumeNamespace
PersistentVolumeStatus lastPhaseTransitionTime:t message phase reason
PersistentVolumeClaim spec:PersistentVolumeClaimSpec status:PersistentVolumeClaimStatus
PersistentVolumeClaimSpec accessModes:[s] dataSource:TypedLocalObjectReference dataSourceRef:TypedObjectReference resources:VolumeResourceRequirements selector:LabelSelector storageClassName volumeAttributesClassName volumeMode volumeName
PersistentVolumeClaimStatus accessModes:[s] allocatedResourceStatuses:{s} allocatedResources:{q} capacity:{q} conditions:[PersistentVolumeClaimCondition] currentVolumeAttributesClassName modifyVolumeStatus:ModifyVolumeStatus phase
PersistentVolumeClaimCondition lastProbeTime:t lastTransitionTime:t message reason status! type!
ModifyVolumeStatus status! targetVolumeAttributesClassName

Service spec:ServiceSpec status:ServiceStatus
ServiceSpec allocateLoadBalancerNodePorts:b clusterIP clusterIPs:[s] externalIPs:[s] externalName externalTrafficPolicy healthCheckNodePort:i internalTrafficPolicy ipFamilies:[s] ipFamilyPolicy loadBalancerClass loadBalancerIP loadBalancerSourceRanges:[s] ports:[ServicePort] publishNotReadyAddresses:b selector:{s} sessionAffinity sessionAffinityConfig:SessionAffinityConfig trafficDistribution type
ServicePort appProtocol name nodePort:i port!:i protocol targetPort:ios
SessionAffinityConfig clientIP:ClientIPConfig
ClientIPConfig timeoutSeconds:i
ServiceStatus conditions:[Condition] loadBalancer:LoadBalancerStatus
LoadBalancerStatus ingress:[LoadBalancerIngress]
LoadBalancerIngress hostname ip ipMode ports:[PortStatus]
PortStatus error port!:i protocol!
Endpoints subsets:[EndpointSubset]
EndpointSubset addresses:[EndpointAddress] notReadyAddresses:[EndpointAddress] ports:[EndpointPort]
EndpointAddress hostname ip! nodeName targetRef:ObjectReference
EndpointPort appProtocol name port!:i protocol
ConfigMap binaryData:{y} data:{s} immutable:b
Secret data:{y} immutable:b stringData:{s} type
ServiceAccount automountServiceAccountToken:b imagePullSecrets:[LocalObjectReference] secrets:[ObjectReference]
Event action count:i eventTime:m firstTimestamp:t involvedObject!:ObjectReference lastTimestamp:t message reason related:ObjectReference reportingComponent reportingInstance series:EventSeries source:EventSource type
EventSeries count:i lastObservedTime:m
EventSource component host
ResourceQuota spec:ResourceQuotaSpec status:ResourceQuotaStatus
ResourceQuotaSpec hard:{q} scopeSelector:ScopeSelector scopes:[s]
ScopeSelector matchExpressions:[ScopedResourceSelectorRequirement]
ScopedResourceSelectorRequirement operator! scopeName! values:[s]
ResourceQuotaStatus hard:{q} used:{q}
LimitRange spec:LimitRangeSpec
LimitRangeSpec limits!:[LimitRangeItem]
LimitRangeItem default:{q} defaultRequest:{q} max:{q} maxLimitRequestRatio:{q} min:{q} type!
ReplicationController spec:ReplicationControllerSpec status:ReplicationControllerStatus
ReplicationControllerSpec minReadySeconds:i replicas:i selector:{s} template:PodTemplateSpec
ReplicationControllerStatus availableReplicas:i conditions:[ReplicationControllerCondition] fullyLabeledReplicas:i observedGeneration:l readyReplicas:i replicas!:i
ReplicationControllerCondition lastTransitionTime:t message reason status! type!
Binding target!:ObjectReference
`;
