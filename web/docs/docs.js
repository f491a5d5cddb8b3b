// Swagger UI over this deployment's own document. Tokens typed here are forgotten with the page.
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
