// Swagger UI for this deployment's own document. Tokens that users enter are not stored (persistAuthorization).
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#api",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  layout: "BaseLayout",
  persistAuthorization: false,
  tryItOutEnabled: true,
  validatorUrl: null,
});
