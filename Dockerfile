# Three images from one file: docker build --target api|worker|standalone .
# CUDA: docker build --target worker --build-arg TORCH_BACKEND=cuda . (libtorch brings CUDA; the machine brings the driver)
FROM mcr.microsoft.com/dotnet/sdk:10.0 AS build
ARG TORCH_BACKEND=cpu
WORKDIR /source
COPY global.json Directory.Build.props Directory.Build.targets Directory.Packages.props BannedSymbols.txt .editorconfig ./
COPY build build
COPY src src
COPY samples samples
RUN dotnet publish src/Api -c Release -o /out/api \
 && dotnet publish src/Worker -c Release -o /out/worker -p:TorchBackend=$TORCH_BACKEND \
 && dotnet publish src/Standalone -c Release -o /out/standalone -p:TorchBackend=$TORCH_BACKEND

FROM mcr.microsoft.com/dotnet/aspnet:10.0 AS base
WORKDIR /app
RUN mkdir -p /data /models && chown -R $APP_UID /data /models
ENV Storage__FilesFolder=/data/files Storage__ModelsFolder=/models
VOLUME /data
USER $APP_UID
EXPOSE 8080

FROM base AS api
COPY --from=build /out/api .
ENTRYPOINT ["dotnet", "TrainingService.Api.dll"]

FROM base AS worker
COPY --from=build /out/worker .
COPY samples/demo-model /samples/demo-model
ENV Storage__SamplesFolder=/samples
ENTRYPOINT ["dotnet", "TrainingService.Worker.dll"]

FROM base AS standalone
COPY --from=build /out/standalone .
ENTRYPOINT ["dotnet", "TrainingService.Standalone.dll", "--data", "/data", "--models", "/models"]
